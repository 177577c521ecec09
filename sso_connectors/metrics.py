"""What is counted for Prometheus. Labels are connectors' references and outcomes, never people.

With several worker processes set PROMETHEUS_MULTIPROC_DIR (see docs/operators.md), or each scrape
shows one worker's share.
"""

from typing import Final

from prometheus_client import Counter, Histogram

from . import metric_files

metric_files.guard()

ATTEMPTS: Final = Counter(
    "sso_attempts",
    "Logins that ended, by connector and how: signed_in, or the cause of the failure.",
    ["connector", "outcome"],
)
VERIFICATION: Final = Histogram(
    "sso_verification_seconds",
    "Time to verify an identity provider's answer.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
)

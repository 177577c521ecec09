"""What `sso_apply` and `sso_cleanup` cost at full size: processor seconds, memory, and the waiting of others."""

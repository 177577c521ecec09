"""The Maker's pages at the size of a large customer base, beside the same pages at a small one."""

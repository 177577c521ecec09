"""What `sso_apply` and `sso_cleanup` cost at full size: processor seconds and memory."""

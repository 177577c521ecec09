"""What a site holds before it is measured: customers, their people, and who is linked."""

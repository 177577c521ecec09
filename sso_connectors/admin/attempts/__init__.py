"""The pages of login attempts."""

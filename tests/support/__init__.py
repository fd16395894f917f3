"""What the tests need to drive a real httpd, and nothing clever."""

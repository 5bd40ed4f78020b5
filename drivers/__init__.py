"""Device drivers, one file each, behind the Protocols of ports.py."""

"""What an installation is made from and checked with: images, proxy, secrets, licences, advisories."""

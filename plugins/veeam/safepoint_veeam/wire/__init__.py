"""What travels: small models of the product's objects, and the names that differ by revision."""

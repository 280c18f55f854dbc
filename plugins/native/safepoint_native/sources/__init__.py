"""Random access to files on shares: mounted folders, native UNC paths and SMB 3."""

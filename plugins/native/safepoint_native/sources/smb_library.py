"""The names of smbprotocol that are used here, as `Any`: the library ships no types.

One place, so that the rest can be checked strictly and an upgrade of the library has one file
to look through.
"""

from __future__ import annotations

from typing import Any

import smbprotocol
from smbprotocol import file_info, header, session, tree
from smbprotocol import open as opening

Commands: Any = header.Commands
CreateDisposition: Any = opening.CreateDisposition
CreateOptions: Any = opening.CreateOptions
Dialects: Any = smbprotocol.Dialects
DirectoryAccess: Any = opening.DirectoryAccessMask
FileAccess: Any = opening.FilePipePrinterAccessMask
FileAttributes: Any = file_info.FileAttributes
FileDispositionInformation: Any = file_info.FileDispositionInformation
FileEndOfFileInformation: Any = file_info.FileEndOfFileInformation
FileFsFullSizeInformation: Any = file_info.FileFsFullSizeInformation
FileInformationClass: Any = file_info.FileInformationClass
FileRenameInformation: Any = file_info.FileRenameInformation
ImpersonationLevel: Any = opening.ImpersonationLevel
NtStatus: Any = header.NtStatus
Open: Any = opening.Open
Session: Any = session.Session
SetInfoRequest: Any = opening.SMB2SetInfoRequest
QueryInfoRequest: Any = opening.SMB2QueryInfoRequest
QueryInfoResponse: Any = opening.SMB2QueryInfoResponse
ShareMode: Any = opening.ShareAccess
Smb2Flags: Any = header.Smb2Flags
TreeConnect: Any = tree.TreeConnect

"""`root/cimv2` and `root/microsoft/windows/smb`: the Windows below Hyper-V."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from safepoint_lab.hyperv.host import Host
from safepoint_lab.hyperv.schemas import CIMV2
from safepoint_lab.wsman.values import CimInstance, CimValue

__all__ = [
    "computer_system_rows",
    "operating_system_rows",
]

_LANGUAGES = {"en-US": ("0409", 1033), "de-DE": ("0407", 1031)}


def operating_system_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the operating system; LocalDateTime is the node's own clock, skew and all."""
    node = host.node
    code, language = _LANGUAGES.get(host.locale, _LANGUAGES["en-US"])
    yield _instance(
        "Win32_OperatingSystem",
        BuildNumber=node.os_build,
        CSCreationClassName="Win32_ComputerSystem",
        CSName=host.computer_name,
        Caption=node.os_caption,
        CreationClassName="Win32_OperatingSystem",
        CurrentTimeZone=0,
        FreePhysicalMemory=node.memory_bytes // 2 // 1024,
        LastBootUpTime=host.local(node.booted_at),
        LocalDateTime=host.now(),
        Locale=code,
        MUILanguages=[host.locale],
        Manufacturer="Microsoft Corporation",
        Name=f"{node.os_caption}|C:\\Windows|\\Device\\Harddisk0\\Partition4",
        OSArchitecture="64-bit",
        OSLanguage=language,
        OSType=18,
        OperatingSystemSKU=8,
        ProductType=3,
        ServicePackMajorVersion=0,
        ServicePackMinorVersion=0,
        Status="OK",
        SystemDirectory="C:\\Windows\\system32",
        TotalVisibleMemorySize=node.memory_bytes // 1024,
        Version=node.os_version,
        WindowsDirectory="C:\\Windows",
    )


def computer_system_rows(host: Host, _hints: Mapping[str, str]) -> Iterator[CimInstance]:
    """Yield the computer itself, with its domain."""
    node = host.node
    short, _, domain = node.hostname.partition(".")
    yield _instance(
        "Win32_ComputerSystem",
        Caption=host.computer_name,
        CreationClassName="Win32_ComputerSystem",
        CurrentTimeZone=0,
        DNSHostName=short,
        Domain=domain or "WORKGROUP",
        DomainRole=3 if domain else 2,
        HypervisorPresent=True,
        Manufacturer="safepoint lab",
        Model="Simulated host",
        Name=host.computer_name,
        NumberOfLogicalProcessors=node.processors,
        NumberOfProcessors=1,
        PartOfDomain=bool(domain),
        Status="OK",
        SystemType="x64-based PC",
        TotalPhysicalMemory=node.memory_bytes,
    )


def _instance(class_name: str, **properties: CimValue) -> CimInstance:
    return CimInstance(CIMV2, class_name, properties)

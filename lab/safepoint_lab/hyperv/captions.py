"""Texts that a Windows host translates: English and German. Nothing may depend on them.

Names and wording are our own; only that these properties are localised is a fact ([R]).
"""

from __future__ import annotations

from safepoint_lab.world.enums import JobState, JobType

__all__ = [
    "job_caption",
    "job_status",
    "status_descriptions",
    "translate",
]

_GERMAN = {
    "Virtual Machine": "Virtueller Computer",
    "Hosting Computer System": "Hostcomputersystem",
    "Operating normally": "Normaler Betrieb",
    "Degraded": "Eingeschränkt",
    "Creating checkpoint": "Prüfpunkt wird erstellt",
    "Applying checkpoint": "Prüfpunkt wird angewendet",
    "Deleting checkpoint": "Prüfpunkt wird gelöscht",
    "Merging disks": "Datenträger werden zusammengeführt",
    "Migrating": "Wird migriert",
    "Virtual Machine Settings": "Einstellungen des virtuellen Computers",
    "Hard Disk Image": "Festplattenabbild",
    "Settings for the virtual hard disk": "Einstellungen der virtuellen Festplatte",
    "Disk drive": "Laufwerk",
    "Disk controller": "Datenträgercontroller",
    "Processor": "Prozessor",
    "Memory": "Arbeitsspeicher",
    "Network Adapter": "Netzwerkkarte",
    "Backup (volume checkpoint)": "Sicherung (Volumeprüfpunkt)",
    "Job is running": "Auftrag wird ausgeführt",
    "Job is completed": "Auftrag ist abgeschlossen",
    "Job has failed": "Auftrag ist fehlgeschlagen",
    "Job was terminated": "Auftrag wurde beendet",
    "Merge in progress": "Zusammenführung läuft",
    "Taking a checkpoint in the guest": "Prüfpunkt im Gast wird erstellt",
    "Creating Virtual Machine Checkpoint": "Prüfpunkt des virtuellen Computers wird erstellt",
    "Applying Virtual Machine Checkpoint": "Prüfpunkt des virtuellen Computers wird angewendet",
    "Deleting Virtual Machine Checkpoint": "Prüfpunkt des virtuellen Computers wird gelöscht",
    "Changing state": "Status wird geändert",
    "Unregistering Virtual Machine": "Registrierung des virtuellen Computers wird aufgehoben",
    "Modifying settings": "Einstellungen werden geändert",
    "Defining Virtual Machine": "Virtueller Computer wird definiert",
    "Storage operation": "Speichervorgang",
}
_JOBS = {
    JobType.MERGE_DISKS: "Merge in progress",
    JobType.VSS_SNAPSHOT: "Taking a checkpoint in the guest",
    JobType.SNAPSHOT: "Creating Virtual Machine Checkpoint",
    JobType.APPLY_SNAPSHOT: "Applying Virtual Machine Checkpoint",
    JobType.DELETE_SNAPSHOT: "Deleting Virtual Machine Checkpoint",
    JobType.POWER: "Changing state",
    JobType.DESTROY: "Unregistering Virtual Machine",
    JobType.MODIFY: "Modifying settings",
    JobType.DEFINE: "Defining Virtual Machine",
    JobType.STORAGE: "Storage operation",
}
_JOB_STATES = {
    JobState.COMPLETED: "Job is completed",
    JobState.COMPLETED_WITH_WARNINGS: "Job is completed",
    JobState.EXCEPTION: "Job has failed",
    JobState.TERMINATED: "Job was terminated",
    JobState.KILLED: "Job was terminated",
}
_BUSY = {
    32768: "Creating checkpoint",
    32769: "Applying checkpoint",
    32770: "Deleting checkpoint",
    32772: "Merging disks",
    32774: "Migrating",
}


def translate(text: str, locale: str) -> str:
    """Return a text in the language of a locale; English where there is no other."""
    return _GERMAN.get(text, text) if locale.lower().startswith("de") else text


def job_caption(kind: JobType, given: str, locale: str) -> str:
    """Return the caption of a job: by its type, else the one the job has."""
    return translate(_JOBS.get(kind, given), locale)


def job_status(state: JobState, locale: str) -> str:
    """Return JobStatus for a state."""
    return translate(_JOB_STATES.get(state, "Job is running"), locale)


def status_descriptions(operational_status: list[int], locale: str) -> list[str]:
    """Return StatusDescriptions for OperationalStatus, entry by entry."""
    first = "Operating normally" if operational_status[0] == 2 else "Degraded"
    words = [first, *(_BUSY.get(each, "Operating normally") for each in operational_status[1:])]
    return [translate(word, locale) for word in words]

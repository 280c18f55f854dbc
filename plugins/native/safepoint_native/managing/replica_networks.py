"""The adapters of replicas as they are, and bringing them into line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from safepoint.errors import ConflictError, NotFoundError
from safepoint.models.attributes import Attributes
from safepoint.models.plans import Change
from safepoint.models.refs import Ref
from safepoint.models.resources import Resource
from safepoint_native.cim.client import CimClient
from safepoint_native.hyperv.adapters import Wire, list_switches, list_wires, start_wiring
from safepoint_native.managing.replica_sight import Sight
from safepoint_native.managing.replica_wiring import network_address, wires_of, wiring
from safepoint_native.nodes import Nodes
from safepoint_native.waiting import finish

__all__ = ["ReplicaNetworks"]


class ReplicaNetworks:
    """The adapters of replicas on the clusters of one connection."""

    def __init__(self, connection: str, nodes: Mapping[str, Nodes]) -> None:
        self._connection = connection
        self._nodes = nodes

    def observe(self, sights: Sequence[Sight]) -> Iterator[Resource]:
        """Return the adapters of every copy that is seen, with three queries a node."""
        places: dict[str, dict[str, str]] = {}
        for sight in sights:
            place = sight.resource.facts.get("to")
            if place is not None:
                vm_id = sight.sender.relation.vm_id
                places.setdefault(str(place), {})[vm_id] = sight.resource.address
        for place, relations in places.items():
            nodes = self._nodes[place]
            for found in nodes.on_living(nodes.view(), list_wires):
                for vm_id, relation in relations.items():
                    if vm_id in found:
                        yield self._resource(relation, place, vm_id, found[vm_id])

    def _resource(self, relation: str, place: str, vm_id: str, wires: Iterable[Wire]) -> Resource:
        return Resource(
            address=network_address(relation),
            attributes=wiring(vm_id, [(w.name, w.switch, w.test_switch) for w in wires]),
            facts=Attributes({"on": place}),
            native=Ref(
                kind=network_address(relation).partition("/")[0],
                system=self._connection,
                id=f"{place}/{vm_id}",
            ),
            depends_on=(relation,),
            is_shared=True,
        )

    def apply(self, change: Change) -> Resource:
        """Bring the adapters of one VM into line, on the node that owns it.

        Raises:
            ConflictError: nobody wants anything of them any more, or one cannot be connected.
            NotFoundError: the VM or a switch is not there.
        """
        wish = change.after
        if wish is None:
            msg = f"{change.address}: adapters are never deleted by safepoint"
            raise ConflictError(msg, operation="apply", system=self._connection)
        place, vm_id = str(wish.facts.get("on")), str(wish.attributes.get("vm"))
        if place not in self._nodes:
            msg = f"connection {self._connection!r} does not read a cluster {place!r}"
            raise NotFoundError(msg, operation="apply", system=self._connection)
        wished = {name: (switch, test) for name, switch, test in wires_of(wish)}

        def bring(client: CimClient) -> tuple[Wire, ...]:
            _bring_into_line(client, vm_id, wished, change.address)
            return list_wires(client, [vm_id])[vm_id]

        wires = self._nodes[place].on_owner(vm_id, bring)
        relation = next((one.address for one in change.dependencies), wish.depends_on[0])
        return self._resource(relation, place, vm_id, wires)


def _bring_into_line(
    client: CimClient, vm_id: str, wished: Mapping[str, tuple[str, str]], address: str
) -> None:
    """Change the adapters that differ, after every switch was found to exist."""
    switches = list_switches(client)
    for name in sorted({one for pair in wished.values() for one in pair if one}):
        if name not in switches:
            msg = f"{address}: {client.node} has no virtual switch {name!r}"
            hint = f"It has: {', '.join(sorted(switches)) or 'none'}."
            raise NotFoundError(msg, hint=hint, operation="apply", system=client.node)
    for wire in list_wires(client, [vm_id])[vm_id]:
        switch, test = wished.get(wire.name, ("", ""))
        if (wire.switch, wire.test_switch) == (switch, test):
            continue
        if not wire.connection_id:
            msg = f"{address}: {client.node} shows no connection of the adapter {wire.name!r}"
            hint = "Connect it once by hand."
            raise ConflictError(msg, hint=hint, operation="apply", system=client.node)
        finish(client, start_wiring(client, wire, switches.get(switch), test))

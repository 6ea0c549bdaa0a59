"""The classes and datatypes of an ontology as entity types, and class expressions as sets of them."""

from __future__ import annotations

from collections import Counter

from extract.errors import SchemaError
from extract.schema import EntityType
from extract.schemas.hierarchy import descendants, find_cycle
from extract.schemas.labels import name_all
from extract.schemas.triples import Node, RdfTriples, is_iri

OWL, RDFS, XSD = (
    "http://www.w3.org/2002/07/owl#",
    "http://www.w3.org/2000/01/rdf-schema#",
    "http://www.w3.org/2001/XMLSchema#",
)
_EVERYTHING = {OWL + "Thing", RDFS + "Resource"}
# Class expressions that no set of named classes stands for.
_EXPRESSIONS = (
    "intersectionOf",
    "complementOf",
    "oneOf",
    "onProperty",
    "onDatatype",
    "datatypeComplementOf",
)


class ClassNames:
    """The named classes of a graph, and what expressions over them admit."""

    def __init__(
        self, graph: RdfTriples, nodes: list[Node], language: str, unread: Counter[str]
    ) -> None:
        """`unread` counts the expressions that are left out."""
        self.graph, self.nodes, self.unread = graph, nodes, unread
        self.names = name_all(graph, nodes, language)
        self.parents = {self.names[node].name: self._parents(node) for node in nodes}
        cycle = find_cycle(self.parents)
        if cycle is not None:
            raise SchemaError(
                f"Schema {graph.path}: expected rdfs:subClassOf without a cycle, got "
                f"{' -> '.join(cycle)}. Remove one of these steps."
            )
        self.below = descendants(self.parents)

    def entity_types(self) -> tuple[EntityType, ...]:
        """The classes as entity types, in file order, then the datatypes in use."""
        disjoint = self._disjoint()
        return tuple(
            EntityType(
                named.name,
                named.id,
                named.description,
                self.parents[named.name],
                tuple(n for n in self.parents if n in disjoint.get(named.name, ())),
                named.aliases,
                named.iri,
            )
            for named in self.names.values()
        )

    def end(self, node: Node, end: str) -> tuple[str, ...]:
        """Names of the classes of a property's "domain" or "range"; none if it admits everything."""
        where = f"rdfs:{end} of {node}"
        admitted: list[frozenset[str]] = []
        stated: list[str] = []
        for value in self.graph.objects(node, RDFS + end):
            names = self._expression(value, where)
            if names:
                admitted.append(frozenset().union(*(self.below[name] for name in names)))
                stated += names
        if len(admitted) < 2:
            return tuple(dict.fromkeys(stated))
        common = frozenset.intersection(*admitted)
        if not common:
            raise SchemaError(
                f"Schema {self.graph.path}: {where} is each of {', '.join(stated)}, which no class is "
                "at once. Join them by owl:unionOf if any of them will do."
            )
        # What is below another common class needs no mention.
        return tuple(
            name
            for name in self.parents
            if name in common and not any(name in self.below[n] for n in common if n != name)
        )

    def _expression(self, node: Node, where: str, inside: tuple[Node, ...] = ()) -> list[str]:
        """Names of the classes whose union a node stands for; none if it admits everything."""
        if node in inside:
            raise SchemaError(f"Schema {self.graph.path}: {where} is a union that holds itself.")
        if is_iri(node):
            return [] if node.value in _EVERYTHING else [self._name(node, where)]
        for union in self.graph.objects(node, OWL + "unionOf"):
            names: list[str] = []
            for member in self.graph.members(union, where):
                found = self._expression(member, where, (*inside, node))
                if not found:
                    return []
                names += found
            return names
        for expression in _EXPRESSIONS:
            if self.graph.objects(node, OWL + expression):
                self.unread[f"owl:{expression} of a domain or range"] += 1
                return []
        raise SchemaError(
            f"Schema {self.graph.path}: {where} is {_shown(node)}, expected a class or owl:unionOf."
        )

    def _name(self, node: Node, where: str) -> str:
        if node not in self.names:
            raise SchemaError(
                f"Schema {self.graph.path}: {where} is {_shown(node)}, expected a class that the file "
                "declares. Declare it as owl:Class or rdfs:Class (imports are not read)."
            )
        return self.names[node].name

    def _parents(self, node: Node) -> tuple[str, ...]:
        where, names = f"rdfs:subClassOf of {node}", []
        for parent in self.graph.objects(node, RDFS + "subClassOf"):
            if is_iri(parent):
                if parent.value not in _EVERYTHING and parent != node:
                    names.append(self._name(parent, where))
            elif any(self.graph.objects(parent, OWL + e) for e in (*_EXPRESSIONS, "unionOf")):
                self.unread["superclasses without a name"] += 1
            else:
                raise SchemaError(
                    f"Schema {self.graph.path}: {where} is {_shown(parent)}, expected a class."
                )
        return tuple(dict.fromkeys(names))

    def _disjoint(self) -> dict[str, set[str]]:
        """Names that a name is disjoint with, stated in pairs or in lists, both ways."""
        found: dict[str, set[str]] = {}
        groups = [
            [node, other]
            for node in self.nodes
            for other in self.graph.objects(node, OWL + "disjointWith")
        ]
        for node in self.graph.subjects():
            if OWL + "AllDisjointClasses" in self.graph.types(node):
                for head in self.graph.objects(node, OWL + "members"):
                    groups.append(self.graph.members(head, "owl:members"))
        for group in groups:
            if not all(is_iri(node) for node in group):
                self.unread["disjoint classes without a name"] += 1
                continue
            names = [self._name(node, "owl:disjointWith") for node in group]
            for at, name in enumerate(names):
                found.setdefault(name, set()).update(names[:at] + names[at + 1 :])
        return found


def _shown(node: Node) -> str:
    return "a blank node" if type(node).__name__ == "BlankNode" else str(node)

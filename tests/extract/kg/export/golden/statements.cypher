// $rows: see parameters.json. Run constraints.cypher first.

UNWIND $rows AS row
MERGE (n:Entity {id: row.id})
SET n += row.properties;

UNWIND $rows AS row
MERGE (n:Entity {id: row.id})
SET n += row.properties
SET n:`ORG`;

UNWIND $rows AS row
MERGE (n:Entity {id: row.id})
SET n += row.properties
SET n:`PER`;

UNWIND $rows AS row
MERGE (n:Value {id: row.id})
SET n += row.properties;

UNWIND $rows AS row
MATCH (s:Entity {id: row.start})
MATCH (o:Entity {id: row.end})
MERGE (s)-[r:`works for` {id: row.id}]->(o)
SET r = row.properties;

UNWIND $rows AS row
MATCH (s:Entity {id: row.start})
MATCH (o:Value {id: row.end})
MERGE (s)-[r:`born in` {id: row.id}]->(o)
SET r = row.properties;

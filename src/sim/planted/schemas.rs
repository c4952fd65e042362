//! A fault in how a shard takes records whose schema is not there yet.

use std::sync::Arc;

use super::assert_found;
use crate::{Client, Wiring, wiring::faithful_broker};
use rollcall_core::{
    codec::schemas::{Lookup, SchemaId, Schemas},
    shard::Plan,
};

struct SchemasNotAwaited;

/// Takes no answer for the answer that there is no such schema.
#[derive(Debug)]
struct Impatient(Arc<dyn Schemas>);

impl Schemas for Impatient {
    fn find(&self, id: SchemaId) -> Lookup {
        match self.0.find(id) {
            Lookup::Unavailable(_) => Lookup::Unknown,
            other => other,
        }
    }
}

impl Wiring for SchemasNotAwaited {
    faithful_broker!();

    fn plan(&self, client: &Client) -> Arc<Plan> {
        let mut plan = Plan::clone(&client.plan());
        if let Some(registry) = &client.stage.world().setting.registry {
            let port: Arc<dyn Schemas> = Arc::new(Impatient(registry.port_of_process()));
            registry.read_by(&mut plan, &port);
        }
        Arc::new(plan)
    }
}

#[test]
fn a_record_that_is_passed_over_because_its_schema_is_not_there_yet_is_found() {
    assert_found(&SchemasNotAwaited, "R-3");
}

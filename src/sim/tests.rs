//! The thinnest ways through the whole world.

use std::sync::Arc;
use std::time::Duration;

use super::gate::{Gate, Gated};
use super::monitor::Monitor;
use super::site::{self, Data, Kind, Shape};
use super::world::World;
use crate::plan::table::ServiceState;
use crate::store::{MemStore, Store};

#[test]
fn a_crash_of_the_primary_is_answered_by_the_real_engine() {
    let shape = Shape { hosts: 4, services: vec![Kind { data: Data::SharedRead, lease_s: None }], fenced: 0 };
    let made = Arc::new(site::make(&shape).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(tokio::task::LocalSet::new().run_until(async move {
        let world = World::new(1, made.hosts.clone(), made.services.clone());
        let store = MemStore::default();
        let monitor = Monitor::new(0, 1, &world, &made, store.clone());
        monitor.deploy().await;
        let gate = Gate::default();
        let process = Gated { gate: gate.clone(), inside: Box::pin(monitor.run()) };
        let process = tokio::task::spawn_local(process);
        tokio::time::sleep(Duration::from_secs(10)).await;
        world.with(|inside| {
            inside.tell("h1 crashes");
            inside.hosts[0].crash();
        });
        tokio::time::sleep(Duration::from_secs(10)).await;
        for line in world.with(|inside| inside.story.lines()) {
            println!("{line}");
        }
        process.abort();
        let table = store.load().await.unwrap();
        let row = table.services.values().next().unwrap();
        assert_eq!(row.primary.as_ref().map(|host| host.as_str()), Some("h2"));
        assert_eq!(row.state, ServiceState::Protected);
        assert_eq!(world.with(|inside| inside.broken.clone()), None);
    }));
}

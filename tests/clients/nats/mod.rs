//! Feed and overrides through a real NATS server: what the daemon makes of them, and who publishes
//! them.

mod bundles;
mod following;
mod network;
mod overrides;
mod publishing;

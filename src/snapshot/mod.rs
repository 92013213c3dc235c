//! Everything that answering needs, compiled and immutable.

pub mod pools;
pub mod windows;
pub mod yields;

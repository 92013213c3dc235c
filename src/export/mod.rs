//! Exports the current answers as files for other name servers: zone files and named.conf
//! fragments.
//!
//! [`tree()`] makes the files of a snapshot and is pure. [`Directory`] writes them to disk, all or
//! none. [`Exporter`] does both whenever something changes, and makes name servers load what
//! changed.

mod clients;
mod delegation;
mod directory;
mod exporter;
mod header;
mod input;
mod named_conf;
pub mod presentation;
mod record_set;
mod reload;
mod soa_signer;
mod transferred;
mod tree;
mod views;
mod zone;
mod zone_file;

pub use clients::undistinguished_warning;
pub(crate) use delegation::ServedZones;
pub use delegation::{Delegations, delegations};
pub use directory::{Directory, DirectoryError, ExportChanges, ReloadTarget};
pub use exporter::{ExportThread, Exporter};
pub use header::ecs_warning;
pub use input::{AclKind, ExportInput, ExportSigner};
pub use reload::{CommandTemplate, ReloadCommands};
pub use transferred::{TransferInput, TransferredZone, transferred};
pub use tree::{ExportFile, Tree, tree};
pub use zone::left_out;
pub use zone_file::ZoneFile;

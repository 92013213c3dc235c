//! Zone transfers to secondary servers.
//!
//! [`Versions`] makes a version of each transferred zone whenever a snapshot is about to be
//! published, by what `export` writes. The [`TransferDesk`] answers requests from these versions:
//! `decision` says what becomes of a request, `stream` sends a transfer message by message within
//! `slots`, `refusals` notes who is refused, and `progress` what each secondary has. The
//! `notifier` tells secondaries of changes. `cvdns-transfer` has all of this that is octets alone.

mod decision;
mod desk;
mod notified;
mod notifier;
mod progress;
mod refusals;
mod secondary;
mod served;
mod slots;
mod status;
mod stream;
mod tally;
mod versions;

pub use decision::Carrier;
pub use desk::{Reply, TransferDesk, Unsigned};
pub use notified::{Notified, NotifyState};
pub use notifier::Notifier;
pub use progress::{Known, Progress, Shown, Taken};
pub use refusals::RefusalReason;
pub use secondary::{SecondaryId, SecondaryServer};
pub use served::{Served, ServedZone};
pub use status::{SecondaryStatus, SecondaryZone, TransferStatus, TransferredZone};
pub use tally::TransferTally;
pub use versions::{KeepsVersions, TransferSettings, Versions};

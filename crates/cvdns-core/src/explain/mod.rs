//! Explains to people why an answer is what it is. Explanations are made of the same values as
//! answers, so that the two cannot differ.

mod explanation;
pub mod fleet;
pub mod format;
mod path;
mod record;
mod terminal;
mod txt_strings;
mod words;

pub use explanation::{
    AddressSource, AliasInfo, ClientAddress, ExplainQuery, Explanation, FeedInfo, KeyInfo,
    LocationInfo, OutcomeKind, rtype_text,
};
pub use path::{MemberInfo, PathInfo, PoolInfo, WindowInfo};
pub use record::{GateInfo, HoldingMirror, RecordInfo, suspect, usual_type};
pub use terminal::line;
pub use txt_strings::{feed_strings, mirrors_by_state, pool_strings, whoami_strings};

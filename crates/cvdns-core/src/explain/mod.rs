//! Why an answer is what it is: the decision, told to people. It is told by the values that answers are made of, so that what is
//! told and what is answered cannot differ.

pub mod fleet;
pub mod format;
mod lines;
mod pool;
mod record;
mod story;
mod text;

pub use lines::{by_state, feed_lines, pool_lines, whoami_lines};
pub use pool::{MemberStory, PoolStory, PoolsStory, WindowStory};
pub use record::{GateStory, RecordStory, usual_type};
pub use story::{
    AddressSource, AliasStory, Asker, FeedStory, Inquiry, LocationStory, OutcomeStory, Story,
    rtype_text,
};
pub use text::line;

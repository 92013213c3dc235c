//! What a name answers to the clients of all countries: the decisions that are made for them, and
//! the shares of answers that mirrors lead by these.

mod answers;
mod clients;
mod subject;

pub use answers::{AnswerReader, AnsweredMirror, AnsweredPath, Level, PathAnswer};
pub use clients::{ANYWHERE, Clients};
pub use subject::{DecidedPath, Decisions, Subject, decided, full_name, pool_names, usual_name};

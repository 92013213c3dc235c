//! What explains the answer to a question to people: the same for `cvdns explain` and for the page
//! of the running server.
//!
//! In order of reading: `question` reads what people write, `explained` decides and answers it by
//! the code that serves, `answer` decodes answers, and `query` writes queries as resolvers send
//! them.

pub(crate) mod answer;
pub(crate) mod explained;
pub(crate) mod moment;
pub(crate) mod query;
pub(crate) mod question;

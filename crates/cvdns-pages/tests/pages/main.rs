//! The pages as a whole: read as a browser reads them, with hostile text, and as a person does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "invented numbers are small")]
#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "names of files are ours")]

mod hostile;
mod invented;
mod parsed;
mod whole;

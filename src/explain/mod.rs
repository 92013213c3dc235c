//! Why an answer is what it is: the decision, told to people. It is told by the values that answers are made of, so that what is told
//! and what is answered cannot differ.

pub mod fleet;

//! Where a client is: countries, country databases and what is made of them.

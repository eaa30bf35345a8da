//! broker-config

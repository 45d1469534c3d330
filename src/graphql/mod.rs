//! Graphql.

//! Engagement.

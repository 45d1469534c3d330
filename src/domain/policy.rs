//! The policies that a run refers to.
//!
//! Today these are only their names: a version of a policy, its rules for tools, media and retention, and
//! which data event was made under which version, come with the policies' own tables.

words! {
    /// One of the policies that the client policy refers to.
    ///
    /// # Source
    /// Policy, section 6.
    PolicyKind {
        /// How client data is collected, kept and given back.
        ClientDataManagement = "CLIENT_DATA_MANAGEMENT",
        /// Who may enter a client's systems, and how.
        ClientSystemAccess = "CLIENT_SYSTEM_ACCESS",
        /// How secrets are chosen and changed.
        Password = "PASSWORD",
        /// Which tools may reach into a client's systems.
        RemoteAccessTools = "REMOTE_ACCESS_TOOLS",
        /// How media are sanitised and thrown away.
        DisposalAndSanitization = "DISPOSAL_AND_SANITIZATION",
        /// What is promised, by priority.
        ServiceLevels = "SERVICE_LEVELS",
        /// How long what is kept.
        RecordRetention = "RECORD_RETENTION",
        /// How changes are approved.
        ChangeManagement = "CHANGE_MANAGEMENT",
    }
}

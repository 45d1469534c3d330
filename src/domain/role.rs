//! The roles people and keys act in.
//!
//! # Source
//! Client Onboarding and Offboarding Policy, section 4 (responsibilities) and 5.2 (who approves
//! deviations); process document T-ONB-010 (Customer Success).

words! {
    /// What somebody acts as. A caller may hold several.
    Role {
        /// Finalises contracts and initiates the handover.
        Sales = "SALES",
        /// Coordinates and carries out onboarding; receives escalations.
        OnboardingManager = "ONBOARDING_MANAGER",
        /// Deploys, configures and removes.
        Technician = "TECHNICIAN",
        /// Plans the offboarding and speaks with the client.
        AccountManager = "ACCOUNT_MANAGER",
        /// Trains and welcomes the client.
        CustomerSuccess = "CUSTOMER_SUCCESS",
        /// Invoices, settles and writes off.
        Billing = "BILLING",
        /// The designated authority: while nobody holds it, no engagement starts.
        Compliance = "COMPLIANCE",
        /// Approves deviations.
        ServiceDeliveryManager = "SERVICE_DELIVERY_MANAGER",
        /// Approves deviations.
        HeadOfOperations = "HEAD_OF_OPERATIONS",
        /// Approves process documents.
        Director = "DIRECTOR",
        /// Watches and steers jobs.
        Operator = "OPERATOR",
        /// What an api key acts as.
        Integration = "INTEGRATION",
        /// Manages people, keys and connectors; decides nothing.
        Admin = "ADMIN",
        /// Speaks for one client, and sees only that client.
        ClientContact = "CLIENT_CONTACT",
    }
}

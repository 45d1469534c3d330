//! What every resolver may reach: the application, the caller, and this request's loaders.

use async_graphql::{Context, dataloader::DataLoader};

use crate::{
    app::App,
    auth::Actor,
    error::{Error, Result},
    graphql::loaders::Batch,
};

/// Short names for what a request carries.
pub trait Caller {
    /// The application.
    fn app(&self) -> &App;

    /// Who asks.
    ///
    /// # Errors
    /// `Unauthenticated` when nobody proved who they are.
    fn actor(&self) -> Result<&Actor>;

    /// This request's loaders, which see only what the caller sees.
    fn loader(&self) -> &DataLoader<Batch>;
}

impl Caller for Context<'_> {
    fn app(&self) -> &App {
        self.data_unchecked()
    }

    fn actor(&self) -> Result<&Actor> {
        self.data_opt().ok_or(Error::Unauthenticated("Send a token: `Authorization: Bearer …`."))
    }

    fn loader(&self) -> &DataLoader<Batch> {
        self.data_unchecked()
    }
}

use std::env;
use std::process::Command;

use opentelemetry::Context;

use crate::context::TraceContext;
use crate::otel::verbs::continue_trace;
use crate::propagation::{Environment, Propagator};

/// Child processes in the current trace, of the standard library and of tokio.
///
/// ```
/// use throughline::propagation::Propagator;
/// use throughline::task::CommandExt;
///
/// let mut command = std::process::Command::new("make");
/// command.arg("test").traced(&Propagator::default());
/// ```
pub trait CommandExt: sealed::Sealed {
    /// Starts the child with the current context: `TRACEPARENT`, `TRACESTATE`, `BAGGAGE`,
    /// `SENTRY_TRACE` and `SENTRY_BAGGAGE`, as far as there is anything to say in them.
    ///
    /// Those that this process was started with itself do not reach the child: they name another span,
    /// and without a context nothing is told (rule TP-9). `BAGGAGE` that the command was given before
    /// is added to (rule BG-11). A later `env_clear` undoes all of it.
    fn traced(&mut self, propagator: &Propagator) -> &mut Self;
}

impl CommandExt for Command {
    fn traced(&mut self, propagator: &Propagator) -> &mut Self {
        let given = self.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let mut environment = Environment::from_vars(given);
        propagator.inject(&TraceContext::current(), &mut environment);
        for name in Environment::NAMES {
            self.env_remove(name);
        }
        self.envs(environment.vars())
    }
}

impl CommandExt for tokio::process::Command {
    fn traced(&mut self, propagator: &Propagator) -> &mut Self {
        self.as_std_mut().traced(propagator);
        self
    }
}

/// The context that this process was started in, by [`CommandExt`] or by anybody else who follows the
/// same names. That of no trace if it was started in none.
///
/// For the first line of `main`. Who wants to know what was refused reads an [`Environment`] itself.
///
/// ```
/// use throughline::otel::ContextFuture;
/// use throughline::propagation::Propagator;
/// use throughline::task::from_environment;
///
/// let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// let work = async { /* the program */ };
/// runtime.block_on(work.in_context(from_environment(&Propagator::default())));
/// ```
#[must_use]
pub fn from_environment(propagator: &Propagator) -> Context {
    continue_trace(propagator, &Environment::from_vars(env::vars_os()))
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement the trait behind it")]
    pub trait Sealed {}
    impl Sealed for std::process::Command {}
    impl Sealed for tokio::process::Command {}
}

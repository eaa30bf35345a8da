//! Runs the project's own command-line tools and reads what they print as JSON.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::World;

/// The JSON that a tool prints.
///
/// # Errors
/// When it cannot be started, fails with another exit code than those in `codes`, or prints no JSON.
pub async fn json(world: &World, program: &str, arguments: &[&str], codes: &[i32]) -> Result<(i32, Value)> {
    let output = world.tool(program, arguments).await?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    let code = output.status.code().unwrap_or(-1);
    ensure!(codes.contains(&code), "{program} {} ended with {code}:\n{}", arguments.join(" "), said());
    let value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{program} {} printed no JSON:\n{}", arguments.join(" "), said()))?;
    Ok((code, value))
}

/// What a tool prints for people.
///
/// # Errors
/// When it cannot be started.
pub async fn text(world: &World, program: &str, arguments: &[&str]) -> Result<String> {
    let output = world.tool(program, arguments).await?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

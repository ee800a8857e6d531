//! A task for the Windows Task Scheduler, as the XML that `schtasks` takes.

use super::super::super::quote;
use super::Schedule;

/// The XML. It is ASCII and names no encoding, so it stays readable if a redirection changes the encoding.
pub(super) fn xml(schedule: &Schedule) -> Result<String, String> {
    if !schedule.every.seconds().is_multiple_of(60) {
        return Err("the Task Scheduler counts in whole minutes: write --every in minutes, such as 15min".into());
    }
    let (program, arguments) = schedule.program_and_arguments();
    let arguments: Vec<_> = arguments.map(quote::windows).collect();
    let arguments = arguments.join(" ");
    for text in [program, &arguments] {
        if text.matches('%').count() > 1 || text.contains("$(") {
            return Err(format!(
                "the Task Scheduler would replace %…% and $(…) by variables, and they cannot be escaped: {text}"
            ));
        }
    }
    let (program, arguments) = (quote::xml(program), quote::xml(&arguments));
    let (job, every) = (schedule.job, schedule.every);
    let interval = every.iso8601();
    Ok(format!(
        "\
<?xml version=\"1.0\"?>
<Task version=\"1.2\" xmlns=\"http://schemas.microsoft.com/windows/2004/02/mit/task\">
  <RegistrationInfo>
    <Description>fastdiff job {job} every {every}</Description>
  </RegistrationInfo>
  <Triggers>
    <TimeTrigger>
      <Repetition>
        <Interval>{interval}</Interval>
      </Repetition>
      <StartBoundary>2020-01-01T00:00:00</StartBoundary>
      <Enabled>true</Enabled>
    </TimeTrigger>
  </Triggers>
  <Principals>
    <Principal id=\"Author\">
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>9</Priority>
    <Enabled>true</Enabled>
  </Settings>
  <Actions Context=\"Author\">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"
    ))
}

/// How to install it, for the user.
pub(super) fn installation(schedule: &Schedule) -> String {
    let name = format!("fastdiff {}", schedule.job);
    format!(
        "write the XML to a file (> task.xml), then: schtasks /Create /F /TN \"{name}\" /XML task.xml; to remove it: schtasks /Delete /TN \"{name}\""
    )
}

pub(super) fn removal(job: &str) -> String {
    format!("schtasks /Delete /F /TN \"fastdiff {job}\"\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::schedule;
    use super::*;

    fn on_windows(every: &'static str) -> Schedule<'static> {
        let mut schedule = schedule(every);
        schedule.program = r"C:\Program Files\R&D\fastdiff.exe".into();
        schedule.arguments = ["run", "--state-dir", r"D:\my state\", "documents"].map(String::from).to_vec();
        schedule
    }

    #[test]
    fn a_job_every_quarter_of_an_hour() {
        insta::assert_snapshot!(xml(&on_windows("15min")).expect("a task"), @r#"
        <?xml version="1.0"?>
        <Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
          <RegistrationInfo>
            <Description>fastdiff job documents every 15min</Description>
          </RegistrationInfo>
          <Triggers>
            <TimeTrigger>
              <Repetition>
                <Interval>PT15M</Interval>
              </Repetition>
              <StartBoundary>2020-01-01T00:00:00</StartBoundary>
              <Enabled>true</Enabled>
            </TimeTrigger>
          </Triggers>
          <Principals>
            <Principal id="Author">
              <LogonType>InteractiveToken</LogonType>
              <RunLevel>LeastPrivilege</RunLevel>
            </Principal>
          </Principals>
          <Settings>
            <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
            <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
            <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
            <StartWhenAvailable>true</StartWhenAvailable>
            <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
            <Priority>9</Priority>
            <Enabled>true</Enabled>
          </Settings>
          <Actions Context="Author">
            <Exec>
              <Command>C:\Program Files\R&amp;D\fastdiff.exe</Command>
              <Arguments>run --state-dir "D:\my state\\" documents</Arguments>
            </Exec>
          </Actions>
        </Task>
        "#);
        insta::assert_snapshot!(installation(&on_windows("15min")), @r#"write the XML to a file (> task.xml), then: schtasks /Create /F /TN "fastdiff documents" /XML task.xml; to remove it: schtasks /Delete /TN "fastdiff documents""#);
    }

    #[test]
    fn words_are_quoted_as_windows_takes_them_apart() {
        let cases = [
            ("plain", "plain"),
            ("", r#""""#),
            ("two words", r#""two words""#),
            (r"C:\a\b\", r"C:\a\b\"),
            (r"C:\a b\", r#""C:\a b\\""#),
            (r#"say "hi""#, r#""say \"hi\"""#),
            (r#"a\\" b"#, r#""a\\\\\" b""#),
        ];
        for (text, quoted) in cases {
            assert_eq!(quote::windows(text), quoted);
        }
    }

    #[test]
    fn what_the_task_scheduler_cannot_have_is_refused() {
        let refused = |schedule: &Schedule| xml(schedule).expect_err("refused");
        assert_eq!(
            refused(&on_windows("90s")),
            "the Task Scheduler counts in whole minutes: write --every in minutes, such as 15min"
        );
        let mut odd = on_windows("15min");
        odd.program = r"C:\100%\fastdiff.exe".into();
        xml(&odd).expect("one % is one %");
        for program in [r"C:\%TEMP%\fastdiff.exe", r"C:\$(Arg0)\fastdiff.exe"] {
            odd.program = program.into();
            assert!(refused(&odd).ends_with(program), "{}", refused(&odd));
        }
    }
}

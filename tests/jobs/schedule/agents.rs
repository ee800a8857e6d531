//! The agent of launchd and the task of the Windows Task Scheduler, as Python's readers of property lists and XML see
//! them.

use super::{Home, ODD, witness};
use crate::testenv::{BINARY, TestEnv};

#[test]
fn launchd_gets_an_agent_with_the_words_as_they_are() {
    for home in [Home::new(), Home::odd(ODD)] {
        let told = home.install("launchd", "30min");
        let uid = rustix::process::getuid().as_raw();
        let plist = home.env.path("home/Library/LaunchAgents/fastdiff.documents.plist");
        let expected = format!(
            "launchctl bootout gui/{uid}/fastdiff.documents\nlaunchctl bootstrap gui/{uid} {}\n",
            plist.display()
        );
        assert_eq!(told, expected);
        let script = r#"python3 - "$HOME"/Library/LaunchAgents/fastdiff.documents.plist <<'END'
import plistlib, sys
agent = plistlib.load(open(sys.argv[1], "rb"))
print("\n".join(agent.pop("ProgramArguments")))
for key in sorted(agent): print(f"{key}={agent[key]}")
END"#;
        let Some(read) = witness(&home, "python3", script) else { return };
        let read = read.replace("[ROOT]", home.env.path("").to_str().unwrap());
        let rest = read.strip_prefix(&(home.words().join("\n") + "\n")).unwrap_or_else(|| panic!("{read}"));
        let root = home.env.path("").display().to_string();
        insta::allow_duplicates!(insta::assert_snapshot!(rest.replace(&root, "[ROOT]"), @r"
        EnvironmentVariables={'PATH': '[ROOT]/bin:/usr/bin:/bin'}
        Label=fastdiff.documents
        LowPriorityIO=True
        Nice=19
        StandardErrorPath=[ROOT]/home/Library/Logs/fastdiff.documents.log
        StandardOutPath=[ROOT]/home/Library/Logs/fastdiff.documents.log
        StartCalendarInterval=[{'Minute': 0}, {'Minute': 30}]
        "));
    }
}

/// Checks the task against what the published schema says of each element that is used, whatever a redirection made of
/// the file, that the words are put together as Python does it on Windows, and prints what matters.
const READ_TASK: &str = r#"
import re, subprocess, sys, xml.etree.ElementTree as xml
data = open(sys.argv[1], "rb").read()
assert data.isascii()
task = xml.fromstring(data)
assert xml.canonicalize(xml.tostring(task)) == xml.canonicalize(xml.tostring(xml.fromstring(data.decode().encode("utf-16"))))
space = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
boolean, text, schema = "true|false", ".+", {}
def of(parent, **children): schema[parent] = {name: re.compile(pattern) for name, pattern in children.items()}
of("Task", RegistrationInfo="", Triggers="", Principals="", Settings="", Actions="")
of("RegistrationInfo", Description=text)
of("Triggers", TimeTrigger="")
of("TimeTrigger", Repetition="", StartBoundary=r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", Enabled=boolean)
of("Repetition", Interval=r"P(\d+D)?(T(\d+H)?(\d+M)?)?")
of("Principals", Principal="")
of("Principal", LogonType="InteractiveToken|S4U", RunLevel="LeastPrivilege|HighestAvailable")
of("Settings", MultipleInstancesPolicy="Parallel|Queue|IgnoreNew|StopExisting", DisallowStartIfOnBatteries=boolean,
   StopIfGoingOnBatteries=boolean, StartWhenAvailable=boolean, ExecutionTimeLimit=r"PT\d+S", Priority=r"\d|10", Enabled=boolean)
of("Actions", Exec="")
of("Exec", Command=text, Arguments=text)
def check(element):
    name = element.tag.removeprefix(space)
    names = [child.tag.removeprefix(space) for child in element]
    assert len(set(names)) == len(names) and set(names) <= set(schema.get(name, {})), (name, names)
    for child, short in zip(element, names):
        assert len(child) or schema[name][short].fullmatch(child.text), (short, child.text)
        check(child)
assert task.tag == space + "Task" and task.get("version") == "1.2"
check(task)
principal = task.find(f".//{space}Principal").get("id")
assert task.find(f".//{space}Actions").get("Context") == principal
print(task.find(f".//{space}Command").text)
line = task.find(f".//{space}Arguments").text
assert subprocess.list2cmdline(sys.argv[2:]) == line, line
for name in ["Interval", "StartWhenAvailable", "MultipleInstancesPolicy", "DisallowStartIfOnBatteries",
             "StopIfGoingOnBatteries", "ExecutionTimeLimit", "Priority"]:
    print(name, task.find(f".//{space}{name}").text)
"#;

#[test]
fn the_task_scheduler_gets_a_task_that_runs_on_battery_once_and_when_it_was_missed() {
    for (home, installs) in
        [(Home::new(), true), (Home::at(BINARY.into(), Some("R&D <ü> state"), TestEnv::new()), false)]
    {
        let run = home.sh(r#""$FASTDIFF" job schedule documents --every 90min --with windows >task.xml"#);
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
        if installs {
            insta::assert_snapshot!(run.stderr, @r#"fastdiff: install: write the XML to a file (> task.xml), then: schtasks /Create /F /TN "fastdiff documents" /XML task.xml; to remove it: schtasks /Delete /TN "fastdiff documents""#);
        }
        home.env.write("read.py", READ_TASK);
        let words: Vec<_> = home.words()[1..].iter().map(|word| format!("'{word}'")).collect();
        let script = format!("python3 read.py task.xml {}", words.join(" "));
        let Some(read) = witness(&home, "python3", &script) else { return };
        let rest = read.strip_prefix(&(home.program.clone() + "\n")).unwrap_or_else(|| panic!("{read}"));
        insta::allow_duplicates!(insta::assert_snapshot!(rest, @r"
        Interval PT1H30M
        StartWhenAvailable true
        MultipleInstancesPolicy IgnoreNew
        DisallowStartIfOnBatteries false
        StopIfGoingOnBatteries false
        ExecutionTimeLimit PT0S
        Priority 9
        "));
    }
    let line = Home::odd(ODD).refused("documents --every 15min --with windows");
    assert!(line.contains("the Task Scheduler would replace %…% and $(…) by variables"), "{line}");
}

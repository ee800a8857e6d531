# Checks on a real Windows what nothing else can: run it as administrator, in Windows PowerShell or PowerShell 7, with
# the path of fastdiff.exe. It makes a volume of its own in a file (VHD), and changes nothing else. Takes some minutes.
# The report is for the project; it holds the versions of Windows and of the programs, and no names of your files.
#
#   .\check.ps1 -Fastdiff C:\tools\fastdiff.exe -Report report.txt
#
# Never run by its authors: where a step fails, the report says so, and that is worth sending, too.
param(
    [Parameter(Mandatory = $true)][string]$Fastdiff,
    [string]$Report = "fastdiff-report.txt",
    [string]$Letter = "R",
    [int]$Files = 20000
)
$ErrorActionPreference = "Stop"
$lines = New-Object System.Collections.Generic.List[string]
function Say([string]$text) { $lines.Add($text); Write-Host $text }
function Check([string]$what, [scriptblock]$how) {
    $watch = [Diagnostics.Stopwatch]::StartNew()
    try { $result = & $how } catch { $result = "FAILED: $($_.Exception.Message)" }
    Say ("{0,-60} {1}  ({2} ms)" -f $what, $result, $watch.ElapsedMilliseconds)
}
function Run([string[]]$arguments) {
    $out = & $Fastdiff @arguments 2>&1 | ForEach-Object { "$_" }
    [pscustomobject]@{ Code = $LASTEXITCODE; Text = ($out -join "`n") }
}

Say "Windows $([Environment]::OSVersion.Version), PowerShell $($PSVersionTable.PSVersion)"
Say (& $Fastdiff --version)
$vhd = Join-Path $env:TEMP "fastdiff-check.vhdx"
$root = "${Letter}:\"
$work = Join-Path $env:TEMP "fastdiff-check"
New-Item -ItemType Directory -Force $work | Out-Null
$env:FASTDIFF_STATE_DIR = "$work\state"; $env:FASTDIFF_CONFIG = "$work\fastdiff.toml"
@"
create vdisk file="$vhd" maximum=4096 type=expandable
select vdisk file="$vhd"
attach vdisk
create partition primary
format fs=ntfs quick label=fastdiff
assign letter=$Letter
"@ | diskpart | Out-Null
try {
    fsutil usn createjournal m=33554432 a=4194304 "${Letter}:" | Out-Null
    Check "make $Files files" {
        for ($i = 0; $i -lt $Files; $i++) {
            if ($i % 200 -eq 0) { New-Item -ItemType Directory "${root}t\$([int]($i / 200))" -Force | Out-Null }
            [IO.File]::WriteAllText("${root}t\$([int][Math]::Floor($i / 200))\$i.txt", "$i")
        }
        "done"
    }
    Start-Sleep 65 # the racy window
    function Snap([string]$name, [string[]]$more) {
        $run = Run (@("snap", "${root}t", "-o", "$work\$name.fds", "-q") + $more)
        if ($run.Code -ne 0) { throw "snap: $($run.Code) $($run.Text)" }
    }
    function Changes([string]$old, [string]$new) {
        (Run @("diff", "$work\$old.fds", "$work\$new.fds", "--emit", "name-status", "--relative", "--no-renames")).Text
    }
    Check "first snapshot, every file opened" { Snap "0" @(); "done" }
    Check "with a base, nothing changed" { Snap "1" @("--base", "$work\0.fds"); "[$(Changes '0' '1')]" }
    Check "by the journal, nothing changed" {
        Snap "2" @("--base", "$work\0.fds", "--source", "inodes", "-v"); "[$(Changes '0' '2')]"
    }

    # Each edit has to be in the list of a walk with a base, and in that of the journal.
    $edits = [ordered]@{
        "a rewritten file"               = { [IO.File]::WriteAllText("${root}t\0\0.txt", "longer than before") }
        "a file of equal size and time"  = {
            $f = "${root}t\0\1.txt"; $t = [IO.File]::GetLastWriteTimeUtc($f)
            [IO.File]::WriteAllText($f, "X"); [IO.File]::SetLastWriteTimeUtc($f, $t)
        }
        "a new file"                     = { [IO.File]::WriteAllText("${root}t\1\new.txt", "x") }
        "a removed file"                 = { Remove-Item "${root}t\1\201.txt" }
        "a renamed directory"            = { Rename-Item "${root}t\3" "drei" }
        "a rename in case alone"         = { Rename-Item "${root}t\1\202.txt" "202.TXT" }
        "a hidden file"                  = { (Get-Item "${root}t\1\203.txt").Attributes = "Hidden" }
        "a file moved in from outside"   = {
            [IO.File]::WriteAllText("${root}out.txt", "x"); Move-Item "${root}out.txt" "${root}t\2\in.txt"
        }
        "a hard link"                    = {
            New-Item -ItemType HardLink -Path "${root}t\4\link.txt" -Target "${root}t\4\801.txt" | Out-Null
        }
        "written through a hard link"    = { [IO.File]::AppendAllText("${root}t\4\link.txt", "more") }
        "a junction"                     = { cmd /c mklink /j "${root}t\5\loop" "${root}t" | Out-Null }
    }
    $number = 10
    foreach ($edit in $edits.GetEnumerator()) {
        Snap "$number" @()
        Start-Sleep 2
        & $edit.Value
        Check "walk with a base: $($edit.Key)" {
            Snap "$number-w" @("--base", "$work\$number.fds"); (Changes "$number" "$number-w") -replace "`n", "; "
        }
        Check "journal: $($edit.Key)" {
            Snap "$number-j" @("--base", "$work\$number.fds", "--source", "inodes")
            if ((Changes "$number" "$number-w") -eq (Changes "$number" "$number-j")) { "the same" } else {
                "DIFFERENT: " + ((Changes "$number" "$number-j") -replace "`n", "; ")
            }
        }
        $number++
    }

    # How late a listing is: a file that stays open while it grows.
    $open = [IO.File]::Open("${root}t\6\1200.txt", "Open", "Write", "ReadWrite")
    Snap "30" @()
    $open.Write((New-Object byte[] 5000), 0, 5000); $open.Flush($true)
    Check "grown and still open: walk with a base" {
        Snap "31" @("--base", "$work\30.fds"); (Changes "30" "31") -replace "`n", "; "
    }
    Check "grown and still open: listing against handle" {
        $listed = (Get-ChildItem "${root}t\6" | Where-Object Name -eq "1200.txt").Length
        "$listed listed, $($open.Length) by handle"
    }
    Check "grown and still open: journal" {
        Snap "32" @("--base", "$work\30.fds", "--source", "inodes"); (Changes "30" "32") -replace "`n", "; "
    }
    $open.Write((New-Object byte[] 5000), 0, 5000); $open.Flush($true)
    Check "grown again, the same handle: records in the journal" {
        (fsutil usn readjournal "${Letter}:" csv 2>$null | Select-String "1200.txt" | Measure-Object).Count
    }
    $open.Close()

    # Stores into a mapping: when does a time move?
    $map = [IO.MemoryMappedFiles.MemoryMappedFile]::CreateFromFile("${root}t\7\1400.txt", "Open", $null, 4096)
    $view = $map.CreateViewAccessor()
    $before = [IO.File]::GetLastWriteTimeUtc("${root}t\7\1400.txt")
    $view.Write(0, [byte]65)
    $waited = 0
    while ([IO.File]::GetLastWriteTimeUtc("${root}t\7\1400.txt") -eq $before -and $waited -lt 120) {
        Start-Sleep 1; $waited++
    }
    Say "a store into a mapping moved the time after $waited s (120: not at all)"
    $view.Dispose(); $map.Dispose()

    # A job, its lock, and the end of its command.
    Check "job: add, begin, commit" {
        $codes = @((Run @("job", "add", "t", "${root}t", "--consumer", "name-status")).Code)
        $codes += (Run @("begin", "t", "-q", "-o", "$work\list")).Code
        $codes += (Run @("commit", "t", "--run", "1")).Code
        $codes -join ", "
    }
    Check "the snapshot can be replaced while Defender looks at it" {
        1..10 | ForEach-Object { Snap "40" @() }; "ten times"
    }
    Check "file system, as fastdiff names it" {
        ((Run @("info", "$work\40.fds")).Text -split "`n" | Where-Object { $_ -match "file system" }) -join ""
    }
} finally {
    "select vdisk file=`"$vhd`"`ndetach vdisk" | diskpart | Out-Null
    Remove-Item $vhd -ErrorAction SilentlyContinue
    Remove-Item $work -Recurse -ErrorAction SilentlyContinue
    $lines | Set-Content -Encoding UTF8 $Report
    Write-Host "written: $Report"
}

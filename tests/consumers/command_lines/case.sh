# One case: a job with the command "$@" for the consumer $PROGRAM, a full run and a run of changes, in /mnt/w, which is
# the only place that can be written to. Prints one line: refused, failed, held, or lost and what.
set -u
cd /mnt/w
export HOME=/mnt/w XDG_STATE_HOME=/mnt/w/state XDG_CONFIG_HOME=/mnt/w/config TZ=UTC LC_ALL=C.UTF-8
export RESTIC_PASSWORD=x BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes \
    BORG_RELOCATED_REPO_ACCESS_IS_OK=yes RCLONE_CONFIG=/mnt/w/rclone.conf

# What was prepared for all cases: empty repositories.
cp -r /mnt/prepared/. . 2>/dev/null
mkdir -p src/sub/deep src/vcs/.git src/tagged src/marked src/empty other/sub dest
: >rclone.conf
old() { touch -d '2001-02-03 04:05:06.789' "$1"; }
for name in plain.txt object.o 'two words' ünïcode -dash '#hash' ';semi' '[bracket]' 'star*' .hidden backup~ core \
    sub/plain.txt sub/object.o sub/deep/leaf sub/silent vcs/.git/HEAD tagged/inside marked/inside; do
    echo "$name as it was at first" >"src/$name"
    old "src/$name"
done
head -c 3000 /dev/zero | tr '\0' x >src/large.bin
echo 'Signature: 8a477f597d28d172789f06886806bc55' >src/tagged/CACHEDIR.TAG
: >src/marked/.nobackup
printf '*.o\n' >src/.ignore
echo x >src/one-byte
ln -s plain.txt src/link
ln src/plain.txt src/other-name
# Other places hold other files of the same names, with the same sizes and times.
cp -a src/. other/
for name in plain.txt sub/silent object.o large.bin; do
    tr 'a-z' 'b-za' <src/$name >other/$name
    touch -r src/$name other/$name
done

holds() { # holds WHERE WHAT: is it there, with its content
    if [ -L "src/$2" ]; then [ "$PROGRAM" = rclone ] || [ -L "$1/$2" ] || cmp -s "src/$2" "$1/$2"
    else [ ! -L "$1/$2" ] && cmp -s "src/$2" "$1/$2"; fi
}
restored() { # where what was stored last can be looked at
    rm -rf back; mkdir back
    case $PROGRAM in
    rsync | rclone) echo dest ;;
    tar) tar -xf out.tar -C back 2>/dev/null; echo back ;;
    restic) restic -q -r repo restore latest --target back >/dev/null 2>&1; echo back/mnt/w/src ;;
    borg)
        (cd back && borg extract ../repo::"$(borg list --short --last 1 ../repo)") >/dev/null 2>&1
        echo back/mnt/w/src
        ;;
    esac
}
check() { # check RUN FILE: is each file of the list there
    at=$(restored)
    while IFS= read -r name; do
        holds "$at" "$name" || { echo "lost $1 $name"; exit; }
    done <"$2"
}
run() { # run N: 0 for a success
    /mnt/fastdiff run j --racy-window 1ms >run$1.out 2>run$1.err
    code=$?
    grep -q 'not checked' run$1.err && unchecked=' (not checked)'
    [ "$code" = 0 ] || [ "$PROGRAM$code" = rsync24 ]
}
unchecked=
/mnt/fastdiff job add j /mnt/w/src --consumer "$PROGRAM" -- "$@" >add.out 2>add.err || { echo refused; exit; }
grep -q 'not checked' add.err && unchecked=' (not checked)'
sleep 0.02
(cd src && find . ! -type d | sed 's,^\./,,') >all
full=yes
if run 1; then full=; check "full$unchecked" all; fi

# Changes: content, content behind the same size and time, an older file, names, kinds.
echo 'and more' >>src/plain.txt
touch -r src/sub/silent stamp; echo 'sub/silent as it was at fikst' >src/sub/silent; touch -r stamp src/sub/silent
echo 'an older one' >src/object.o; touch -d '1999-01-01' src/object.o
mkdir -p src/new/dir; echo new >src/new/dir/file; old src/new/dir/file
mv src/sub/deep src/sub/moved
mv src/core src/core2
rm src/backup~ src/vcs/.git/HEAD
rm src/link; ln -s one-byte src/link
echo y >src/one-byte; chmod 600 src/one-byte
echo changed >src/tagged/inside; echo changed >src/marked/inside; echo 'changed' >src/vcs/.git/config
cat >changed <<END2
plain.txt
other-name
sub/silent
object.o
new/dir/file
sub/moved/leaf
core2
link
one-byte
tagged/inside
marked/inside
vcs/.git/config
END2
sleep 0.02
(cd src && find . ! -type d | sed 's,^\./,,') >all
run 2 || { echo "failed$unchecked"; exit; }
case $PROGRAM$full in rsync | rclone) full=yes ;; esac
if [ "$full" ]; then check "changes$unchecked" all; else check "changes$unchecked" changed; fi
echo "held$unchecked"

# Asks a service as a client would, with what a host has: curl, wget, bash or perl. Each function sets talk_word to
# answered, wrong, refused, silent or cannot, and talk_detail; of `silent` that is how many milliseconds were waited.
#
# Needs guard.sh. `asking` is how many milliseconds an answer is waited for. No proxy is used, no redirect followed, no certificate
# doubted: the question is whether the service is there.
# shellcheck shell=sh disable=SC2154 # `asking` is set by the script

# talk_until HUNDREDTHS COMMAND…: one of the functions below, until that uptime. The question who holds an address makes
# the kernel forget its neighbour, and may end a connection that is being made at that moment: it is tried again.
talk_until() {
  talk_end=$1
  shift
  while :; do
    guard_clock
    talk_left=$((talk_end - guard_now))
    talk_seconds=$(printf '%d.%02d' $((talk_left / 100)) $((talk_left % 100)))
    "$@"
    [ "$talk_word" = silent ] || return 0
    talk_has_time || return 0
    nap
  done
}

# talk_has_time: whether there is enough left for one more attempt.
talk_has_time() {
  guard_clock
  [ $((talk_end - guard_now)) -ge 10 ]
}

talk_is() {
  talk_word=$1 talk_detail=$2
}

talk_silent() {
  talk_is silent "$asking"
}

# talk_http URL HOST PORT PATH STATUS [TEXT]: the parts of the URL are for hosts without curl and wget.
talk_http() {
  if command -v curl >/dev/null; then
    talk_curl "$1" "$5" "${6:-}"
  elif command -v wget >/dev/null; then
    talk_wget "$1" "$5" "${6:-}"
  else
    case $1 in
      https:*) talk_is cannot 'this host has neither curl nor wget for https' ;;
      *) talk_plain "$2" "$3" "$4" "$5" "${6:-}" ;;
    esac
  fi
}

# talk_curl URL STATUS TEXT
talk_curl() {
  talk_keep=/dev/null
  [ -z "$3" ] || talk_keep=-
  talk_said=$(LC_ALL=C curl -q -sS -g -k --noproxy '*' -m "$talk_seconds" -o "$talk_keep" -w '\n%{http_code}' "$1" 2>&1)
  talk_code=$?
  case $talk_code in
    0) talk_judge "${talk_said##*
}" "$2" "$3" "$talk_said" ;;
    28) talk_silent ;;
    7) if talk_has_time; then talk_refused "$1"; else talk_silent; fi ;;
    1 | 2 | 3 | 4 | 5 | 6) talk_is cannot "$talk_said" ;;
    *) talk_is wrong "${talk_said#
}" ;;
  esac
}

# talk_refused URL: newer versions say why they could not connect only when they say everything.
talk_refused() {
  case $(LC_ALL=C curl -q -v -g -k --noproxy '*' -m 0.1 -o /dev/null "$1" 2>&1) in
    *[Rr]efused*) talk_is refused 'connection refused' ;;
    *) talk_silent ;;
  esac
}

# talk_wget URL STATUS TEXT: GNU's or busybox's. Both say the server's answer with -S; neither agrees with the other on
# what an exit code means, and not every busybox takes a time limit.
talk_wget() {
  case $(wget --version 2>&1) in
    'GNU Wget'*) talk_flags='-t 1 --no-proxy --no-check-certificate --max-redirect=0' ;;
    *) talk_flags='-Y off' ;;
  esac
  # shellcheck disable=SC2086 # words
  talk_said=$(LC_ALL=C timeout "$talk_seconds" wget -S -O - $talk_flags "$1" 2>&1)
  talk_code=$?
  case $talk_code-$talk_said in
    *HTTP/[0-9]*)
      talk_line=${talk_said#*HTTP/[0-9]}
      talk_line=${talk_line#* }
      talk_judge "${talk_line%%[!0-9]*}" "$2" "$3" "$talk_said"
      ;;
    124-* | 143-*) talk_silent ;;
    *) talk_failed "$talk_said" ;;
  esac
}

# talk_plain HOST PORT PATH STATUS TEXT: the status alone.
talk_plain() {
  talk_text=$(printf 'GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n.' "$3" "$1")
  talk_dial "$1" "$2" line "${talk_text%.}"
  [ "$talk_word" = answered ] || return 0
  case $talk_detail in
    HTTP/*)
      talk_line=${talk_detail#* }
      talk_judge "${talk_line%%[!0-9]*}" "$4" '' ''
      [ -z "$5" ] || [ "$talk_word" != answered ] || talk_detail="$talk_detail, its text was not looked at"
      ;;
    *) talk_is wrong 'no HTTP' ;;
  esac
}

# talk_judge FOUND STATUS TEXT ALL
talk_judge() {
  if [ "$1" != "$2" ]; then
    talk_is wrong "HTTP $1, not $2"
  else
    case $4 in
      *"$3"*) talk_is answered "HTTP $1" ;;
      *) talk_is wrong "HTTP $1 without \`$3\`" ;;
    esac
  fi
}

# talk_failed TEXT: what the system's words say of the other side.
talk_failed() {
  case $1 in
    *[Rr]efused*) talk_is refused 'connection refused' ;;
    *'timed out'* | *[Tt]imeout* | *'o route to host'* | *'unreachable'*) talk_silent ;;
    *reset* | *empty* | *'o data'* | *'rror getting response'*) talk_is wrong 'the connection ended without an answer' ;;
    *) talk_is cannot "${1:-no reason given}" ;;
  esac
}

# talk_tcp HOST PORT: that a kernel accepts; a frozen process's does too.
talk_tcp() {
  talk_dial "$1" "$2" connect ''
}

# talk_banner HOST PORT CODE…: the first line the service says begins with one of these.
talk_banner() {
  talk_dial "$1" "$2" line ''
  shift 2
  [ "$talk_word" = answered ] || return 0
  for talk_code in "$@"; do
    case $talk_detail in "$talk_code"*) return ;; esac
  done
  talk_word=wrong
}

# talk_dns SERVER PORT OCTAL EXPECTED: sends the bytes by UDP. EXPECTED is the first two of the answer, and its status.
talk_dns() {
  talk_with "$talk_bash_udp" "$talk_perl_udp" "$1" "$2" "$3"
  [ "$talk_word" = answered ] || return 0
  talk_want=$4
  # shellcheck disable=SC2086 # bytes in hexadecimal
  set -- $talk_detail
  case "$1$2 ${4#?}" in
    "$talk_want") talk_detail="DNS status ${talk_want#* }" ;;
    "${talk_want% *}"*) talk_is wrong "DNS status ${4#?}, not ${talk_want#* }" ;;
    *) talk_is wrong 'no DNS' ;;
  esac
}

# talk_dial HOST PORT connect|line TEXT: connects, says the text and reads a line.
talk_dial() {
  talk_with "$talk_bash" "$talk_perl" "$@"
}

# talk_with BASH PERL ARGUMENT…: whichever of the two there is. 0 and a line is an answer; the system's words are none.
talk_with() {
  talk_by=$1 talk_other=$2
  shift 2
  if command -v bash >/dev/null; then
    set -- bash -c "$talk_by" bash "$@"
  elif command -v perl >/dev/null; then
    set -- perl -e "$talk_other" "$@"
  else
    talk_is cannot 'this host has neither bash nor perl to connect with'
    return
  fi
  talk_said=$(LC_ALL=C timeout "$talk_seconds" "$@" 2>&1)
  case $? in
    0) talk_is answered "${talk_said%%[[:cntrl:]]*}" ;;
    124 | 143) talk_silent ;;
    *) talk_failed "$talk_said" ;;
  esac
}

# shellcheck disable=SC2016 # for other shells
talk_bash='exec 3<>"/dev/tcp/$1/$2" || exit 1
[ "$3" = line ] || { echo "$1:$2 accepts"; exit 0; }
printf "%s" "$4" >&3
IFS= read -r line <&3 || { echo "no data"; exit 1; }
printf "%s\n" "$line"'

# shellcheck disable=SC2016 # for perl
talk_perl='use IO::Socket::IP; my ($h, $p, $how, $text) = @ARGV;
my $s = IO::Socket::IP->new(PeerHost => $h, PeerPort => $p) or do { print "$!$@"; exit 1 };
if ($how eq "connect") { print "$h:$p accepts\n"; exit 0 }
print $s $text; $s->flush;
my $line = <$s>; unless (defined $line) { print "no data"; exit 1 } print $line'

# bash writes line by line, and a question may hold newlines: dd makes one packet of it.
# shellcheck disable=SC2016 # for other shells
talk_bash_udp='set -o pipefail; exec 3<>"/dev/udp/$1/$2" || exit 1
printf "$3" | dd obs=4096 2>/dev/null >&3 && head -c 12 <&3 | od -An -tx1'

# shellcheck disable=SC2016 # for perl
talk_perl_udp='use IO::Socket::IP; my ($h, $p, $bytes) = @ARGV; $bytes =~ s/\\(...)/chr oct $1/ge;
my $s = IO::Socket::IP->new(PeerHost => $h, PeerPort => $p, Proto => "udp") or do { print "$!$@"; exit 1 };
my $answer; defined $s->send($bytes) && defined $s->recv($answer, 512) or do { print "$!"; exit 1 };
print join " ", map { sprintf "%02x", ord } split //, substr $answer, 0, 12;'

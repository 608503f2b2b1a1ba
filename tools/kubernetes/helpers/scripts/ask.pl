# The same as ask.py for images with Perl alone (Debian's have it): no TLS, so https is only connected to.
use strict; use warnings;
use Socket qw(:DEFAULT getaddrinfo getnameinfo NI_NUMERICHOST NIx_NOSERV SOL_SOCKET SO_ERROR);
use Errno qw(ECONNREFUSED ETIMEDOUT EINPROGRESS ECONNRESET EPIPE);
use Fcntl; use Time::HiRes qw(time);
$| = 1;
my ($what, $host, $ports, $url, $seconds) = @ARGV[-5 .. -1];

sub quoted { my $text = shift // ""; $text =~ s/(["\\])/\\$1/g; $text =~ s/([\x00-\x1f])/sprintf("\\u%04x", ord $1)/ge; $text =~ s/[^\x20-\x7e]/?/g; return "\"$text\""; }
sub kind { my $code = shift; return $code == ECONNREFUSED ? "refused" : $code == ETIMEDOUT ? "timeout" : $code == ECONNRESET || $code == EPIPE ? "reset" : "unreachable"; }

sub connected {
    my ($found, $told) = @_;
    my $last = ETIMEDOUT;
    for my $one (@$found) {
        socket(my $socket, $one->{family}, SOCK_STREAM, 0) or next;
        fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK);
        my $done = connect($socket, $one->{addr});
        if (!$done && $! == EINPROGRESS) {
            my $bits = ""; vec($bits, fileno($socket), 1) = 1;
            my $ready = select(undef, $bits, undef, $seconds);
            $! = $ready ? unpack("i", getsockopt($socket, SOL_SOCKET, SO_ERROR)) : ETIMEDOUT;
            $done = $! == 0;
        }
        $last = $! + 0;
        if ($done) { fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) & ~O_NONBLOCK); return $socket; }
    }
    $! = $last; $told->{error} = kind($last); $told->{detail} = "$!";
    return;
}

sub fetched {
    my ($socket, $told) = @_;
    my ($authority, $path) = $url =~ m{^http://([^/]+)(/.*)?$} or return;
    $told->{stage} = "http";
    local $SIG{ALRM} = sub { die "timed out\n" };
    my $text = "";
    eval {
        alarm int($seconds + 1);
        syswrite($socket, "GET " . ($path // "/") . " HTTP/1.0\r\nHost: $authority\r\nUser-Agent: shipmate-check\r\nAccept: */*\r\n\r\n");
        while (length $text < 4096 && sysread($socket, my $more, 4096)) { $text .= $more; }
        alarm 0; 1;
    } or do { if ($text eq "") { $told->{error} = "timeout"; $told->{detail} = "no answer"; return; } };
    my ($head, $body) = split /\r?\n\r?\n/, $text, 2;
    if (($head // "") =~ m{^HTTP/\S+ (\d+) ?([^\r\n]*)}) { $told->{status} = $1; $told->{reason} = $2; }
    else { $told->{error} = length $text ? "protocol" : "reset"; return; }
    $told->{location} = $1 if $head =~ /^location:\s*(\S+)/mi;
    $told->{body} = substr($body // "", 0, 600);
}

for my $port (split /,/, $ports) {
    my %told = (stage => "resolve", error => "", detail => "", reason => "", location => "", body => "");
    my $began = time;
    my ($error, @found) = getaddrinfo($host, $port, { socktype => SOCK_STREAM });
    my @addresses;
    if ($error) { $told{error} = "unresolved"; $told{detail} = "$error"; }
    else {
        my %seen;
        for my $one (@found) { my (undef, $address) = getnameinfo($one->{addr}, NI_NUMERICHOST, NIx_NOSERV); push @addresses, $address unless $seen{$address}++; }
        if ($what ne "resolve") {
            $told{stage} = "connect";
            my $socket = connected(\@found, \%told);
            fetched($socket, \%told) if $socket && $what eq "http";
        }
    }
    my $texts = join ",", map { quoted($_) . ":" . quoted($told{$_}) } qw(stage error detail reason location body);
    printf "{%s,\"port\":%d,\"status\":%d,\"ms\":%d,\"addresses\":[%s]}\n", $texts, $port, $told{status} // 0,
        (time - $began) * 1000, join(",", map { quoted($_) } @addresses);
}

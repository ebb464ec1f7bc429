#!/usr/bin/env perl
# 4 million HTTP sessions between two ports: 50 000 source ports, 80 ports of a server. Each asks with GET over and over.
# Starts an engine with a pair of ports joined in memory, or attaches to one (ports 0 and 1 have to reach each other).
# usage: test_1_http_4M.pl [--scale N] [--attach ADDR] [--rate N] [--within S] [--seconds S]
# --scale: so many times fewer sessions (default WARP17_SCALE, 1)
# --attach: HOST:PORT or unix:PATH of a running RPC server
# --rate: sessions opened per second (default: as fast as it goes)
# --within: seconds until all have to be established (600); --seconds: that they go on talking then (5)
# exit: 0 PASS, 1 FAIL, 2 usage, 3 no engine, 4 refused, 5 no answer, 130 interrupted
use strict;
use warnings;
use FindBin;
use lib grep { -d } "$FindBin::Bin/../../scripts/perl", "$FindBin::Bin/../../perl";    # the tree, or share/warp17
use Getopt::Long;
use Scalar::Util qw(blessed);
use Warp17;

my ($CLIENT, $SERVER) = (0, 1);    # ports
$| = 1;

sub usage { print STDERR "usage: $0 [--scale N] [--attach ADDR] [--rate N] [--within S] [--seconds S]\n"; exit 2 }
my %of = (scale => $ENV{WARP17_SCALE} // 1, within => 600, seconds => 5);
GetOptions(\%of, 'scale=s', 'attach=s', 'rate=i', 'within=i', 'seconds=i') && !@ARGV && $of{scale} =~ /^[1-9][0-9]*$/ or usage();

sub max { return $_[0] > $_[1] ? $_[0] : $_[1] }
my $sports   = max(1, int(50000 / $of{scale}));                  # first become fewer, then the server's
my $dports   = max(1, int(50000 * 80 / $of{scale} / $sports));
my $sessions = $sports * $dports;

sub configure {
	my ($w) = @_;
	my %server = (port => $SERVER, test_case_id => 0);
	my %client = (port => $CLIENT, test_case_id => 0);
	$w->add_interface(port => $CLIENT, ip => '10.0.0.1',   mask => '255.255.255.0');
	$w->add_interface(port => $SERVER, ip => '10.0.0.253', mask => '255.255.255.0');
	$w->add_server(%server, proto => 'tcp', src => '10.0.0.253', sport => [ 6000, 5999 + $dports ]);
	$w->set_server(%server, app => 'http', status => '200-OK', resp_size => 100);
	$w->set_criteria(%server, criterion => 'servers-up', count => $dports);
	$w->add_client(%client, proto => 'tcp', src => '10.0.0.1', sport => [ 10000, 9999 + $sports ],
		dest => '10.0.0.253', dport => [ 6000, 5999 + $dports ]);
	$w->set_client(%client, app => 'http', method => 'GET', host => 'www.foo42.net', object => '/index.html', req_size => 0);
	$w->set_timeouts(%client, init => 0, uptime => 'infinite');
	$w->set_rates(%client, open => $of{rate}) if defined $of{rate};
	$w->set_criteria(%client, criterion => 'clients-estab', count => $sessions, within => $of{within});
	return;
}

# Shows each second, until the verdict is there and the sessions talked for so long; the states.
sub watch {
	my ($w) = @_;
	my ($left, $views) = ($of{seconds}, $w->live_stats(port => $CLIENT, test_case_id => 0));
	while (1) {
		my $view = $views->next;
		printf "%s established, %s/s, %s requests/s\n", $view->{stats}{estab_once}, @{ $view->{rates} }{qw(established_per_second requests_per_second)};
		my @states = $w->status($SERVER, $CLIENT);
		return @states if grep { $_->{state} eq 'FAILED' } @states;
		next if grep { $_->{state} !~ /^(?:PASSED|STOPPED)$/ } @states;
		return @states if --$left < 0;
	}
}

sub verdict {
	my ($w, @states) = @_;
	my %stats = map { ($_->[0] => $w->statistics(port => $_->[1], test_case_id => 0)->{stats}) } [ client => $CLIENT ], [ server => $SERVER ];
	my @wrong = map { Warp17::describe($_) } grep { $_->{state} ne 'PASSED' } @states;
	push @wrong, "$stats{client}{estab_once} of $sessions sessions were established" if $stats{client}{estab_once} != $sessions;
	push @wrong, 'no response came' unless $stats{client}{responses};
	for my $side (sort keys %stats) {
		push @wrong, map { "$side $_ $stats{$side}{$_}" } grep { $stats{$side}{$_} && /^(?:failed_(?!stop)\w+|resp_errors|no_tcb)$/ } sort keys %{ $stats{$side} };
	}
	return @wrong;
}

sub run {
	my $pool = int(int(2 * $sessions / 1024) * 17 / 16) + 16;    # both ends are here; in 1024
	local $SIG{INT} = local $SIG{TERM} = sub { die "interrupted\n" };    # the engine ends with $w
	my $w = $of{attach} ? Warp17->new(addr => $of{attach}) : Warp17->launch(ring_if_pairs => 1, tcb_pool_sz => $pool, ucb_pool_sz => 16);
	configure($w);
	$w->start($SERVER, $CLIENT);
	my @states = eval { watch($w) };
	my $why    = $@;
	$w->stop($CLIENT, $SERVER);
	die $why if $why;
	my @wrong = verdict($w, @states);
	$w->close;
	print map { "FAIL: $_\n" } @wrong;
	print "PASS: $sessions HTTP sessions\n" unless @wrong;
	return @wrong ? 1 : 0;
}

my $rc = eval { run() };
if (!defined $rc) {
	my $e = $@;
	print STDERR "error: $e", "$e" =~ /\n\z/ ? '' : "\n";
	exit(blessed $e && $e->can('exit_code') ? $e->exit_code : $e eq "interrupted\n" ? 130 : 1);
}
exit $rc;

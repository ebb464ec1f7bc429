# Calls all of Warp17.pm at the server in ARGV and prints what came, as JSON, for test_perl.py to judge.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../../scripts/perl";
use JSON::PP;
use Scalar::Util qw(blessed);
use Warp17;

my ($addr) = @ARGV;
my (%seen, %called);
{
	no warnings 'redefine';
	my $call = \&Warp17::_call;
	*Warp17::_call = sub { $called{ $_[1] } = 1; goto &$call };
}

sub fails {    # what a call dies with
	my ($code) = @_;
	eval { $code->(); 1 } and return { class => 'nothing' };
	my $e = $@;
	return blessed $e ? { class => ref $e, message => "$e", map { $_ => $e->$_ } qw(code exit_code parameter where errno) } : { class => '', message => $e };
}

my $w   = Warp17->new(addr => $addr, name => 'anna');
my %tc  = (port => 0, test_case_id => 0);
my %tc1 = (port => 1, test_case_id => 0);
my %udp = (port => '0', test_case_id => '4');    # texts are numbers to Perl
$w->add_interface(port => 0, ip => '10.0.0.1', mask => '255.255.255.0');
$w->add_interface(port => 1, ip => '10.0.0.253', mask => '255.255.255.0');
$w->add_server(%tc1, proto => 'tcp', src => '10.0.0.253', sport => 6000);
$w->set_server(%tc1, app => 'http', status => '200-OK', resp_size => 100, fields => ['Cache-Control: no-store']);
$w->add_client(%tc, proto => 'tcp', src => [ '10.0.0.1', '10.0.0.1' ], sport => [ '10001', 10100 ], dest => '10.0.0.253', dport => '6000-6000');
$w->set_client(%tc, app => 'http', method => 'GET', host => '123', object => '/', req_size => '0', fields => ['X: "1"']);
$w->acquire(port => 0, force => 1); $w->release(port => 0);
$w->set_gateway(port => 0, gw => '10.0.0.253'); $w->delete_gateway(port => 0);
$w->add_interface(port => 0, ip => '10.1.0.1', mask => '255.255.255.0', vlan_id => 5, gw => '10.1.0.2');
$w->delete_interface(port => 0, ip => '10.1.0.1', vlan_id => 5);
$w->set_mtu(port => 0, mtu => 1500);
$w->set_faults(port => 0, loss => '0.5', delay => '500us', seed => '4294967295');
$seen{faults} = $w->call('show.tests.faults', port => 0)->{tx};
$w->delete_faults(port => 0);
$w->set_rates(%tc, open => 1000, close => 'infinite', send => 50000);
$w->set_timeouts(%tc, init => 0, uptime => 'infinite', downtime => undef);
$w->set_criteria(%tc, criterion => 'clients-estab', count => 100, within => 20);
$w->set_async(%tc); $w->set_async(%tc, on => 0);
$w->set_tcp_options(%tc, win_size => 100000, sack => 0, congestion => 'newreno');
$w->set_ipv4_options(%tc, dscp => 'af41'); $w->set_latency(%tc, max => 500); $w->set_vlan(%tc, vlan_id => 0);
$w->set_response_times(%tc, from => 'request');
$w->add_multicast(proto => 'udp', port => 0, test_case_id => 3, src => '10.0.0.1', sport => 5000, dest => '224.1.1.1', dport => 6000);
$w->delete_test(port => 0, test_case_id => 3);
$w->add_client(%udp, proto => 'udp', src => '10.0.0.1', sport => 5000, dest => '10.0.0.253', dport => 7);
$w->add_server(port => 1, test_case_id => 4, proto => 'udp', src => '10.0.0.253', sport => 7);
$w->set_client(%udp, app => 'echo', size => 64); $w->set_server(port => 1, test_case_id => 4, app => 'echo', size => 64);
$w->set_server(port => 1, test_case_id => 4, app => 'raw', data_req_plen => 20, data_resp_plen => 20);
$w->set_client(%udp, app => 'raw', data_req_plen => 20, data_resp_plen => 20, tx_timestamp => 1);
$w->delete_test(%udp); $w->delete_test(port => 1, test_case_id => 4);
$w->set_imix_client(app_index => 0, app => 'http', method => 'GET', host => 'h', object => '/', req_size => 1, fields => ['A: b'], weight => 60);
$w->set_imix_client(app_index => 1, app => 'raw', data_req_plen => 1, data_resp_plen => 1, weight => 40);
$w->set_imix_client(app_index => 2, app => 'echo', size => 9);
$w->set_imix_server(app_index => 4, app => 'http', status => '200-OK', resp_size => 5, fields => ['C: d'], weight => 1);
$w->set_imix_server(app_index => 5, app => 'raw', data_req_plen => 1, data_resp_plen => 1);
$w->set_imix_server(app_index => 6, app => 'echo', size => 9);
$w->add_imix(imix_id => 0, app => [ 0, '1' ]); $w->add_imix(imix_id => 1, app => [4]); $w->delete_imix(imix_id => 1);
$seen{imix} = $w->imix(imix_id => 0)->{groups}[0]{apps};
$seen{no_group} = fails(sub { $w->set_imix(%tc, imix_id => 9) });

$seen{range} = fails(sub { $w->set_mtu(port => 64, mtu => 1500) });
$seen{last}  = fails(sub { $w->add_server(%tc1, proto => 'tcp', src => [ '10.0.0.2', 'somewhere' ], sport => 80) });
$seen{failed} = fails(sub { $w->set_mtu(port => 0, mtu => 9000) });
$seen{method} = fails(sub { $w->call('set.tests.colour', port => 0) });
{
	my $bob = Warp17->new(addr => $addr, name => 'bob', read_only => 1);
	$seen{read_only} = fails(sub { $bob->stop(0) });
	$seen{operators} = [ map { $_->{name} } @{ $w->operators } ];
}
$seen{batch} = [ map { blessed $_ ? { class => ref $_, message => "$_" } : $_ }
		@{ $w->batch([ 'show.version' ], [ 'set.tests.mtu', { port => '64', mtu => 1 } ]) } ];

$w->start(1, 0);
$seen{states} = $w->wait([ 0, 1 ], timeout => 30);
$seen{described} = Warp17::describe($seen{states}[0]);
$seen{many} = $w->wait(sub { my $n = $w->statistics(%tc)->{stats}{responses}; $n > 1000 && $n }, timeout => 20);
$seen{late} = fails(sub { $w->wait(sub { 0 }, timeout => 0.3, interval => 0.1) });
my $views = $w->live_stats(%tc, interval => 0.1);
for (1 .. 3) {
	my $view = $views->next;
	push @{ $seen{live} }, { seq => $views->seq, ns => $views->realtime_ns, responses => $view->{stats}{responses},
		later => $w->statistics(%tc)->{stats}{responses} };
}
$views->close;
$seen{ended} = $views->next;
my $events = $w->events(since => 0);
while (my $e = $events->next(5)) { $seen{event} = $e and last if $e->{event} eq 'test-passed' && $e->{port} == 0 }
$seen{quiet} = fails(sub { 1 while $events->next(0.3) });
$w->stop(0, 1);
$seen{stats} = $w->statistics(%tc)->{stats};
$seen{$_} = $w->$_ for qw(version session ports links link_rate config);
$seen{settings} = $w->settings(port => 0)->{tests}{test_case_0};
$seen{latency} = $w->latency(%tc);
$seen{times} = $w->response_times(%tc);
$seen{counters} = [ $w->counters('tcp')->{tx_syn}, $w->counters('tcp', 1)->{rx_syn} ];
my @ns = map { $w->call('rpc.ping')->{realtime_ns} } 1 .. 2;
$seen{ns} = "$ns[0]"; $seen{ns_more} = "" . ($ns[0] + 1);
$w->clear;
$seen{cleared} = $w->statistics(%tc)->{stats}{responses};
$seen{left} = [ sort grep { !$called{$_} && !/^show\./ } map { $_->{name} } @{ $w->discover->{methods} } ];
$w->close;
$seen{closed} = fails(sub { $w->version });
$seen{nobody} = fails(sub { Warp17->new(addr => '127.0.0.1:1') });
$seen{no_address} = fails(sub { Warp17->new(addr => 'nowhere') });
print JSON::PP->new->canonical->encode(\%seen), "\n";

# Drives WARP17 over its JSON-RPC: the calls of scripts/python/warp17, with core modules alone. The manual is at the end.
use strict;
use warnings;

package Warp17::Error;
use overload '""' => sub { $_[0]{message} }, fallback => 1;

our %CLASS = (
	-32700 => 'ParseError', -32600 => 'InvalidRequest', -32601 => 'MethodNotFound', -32602 => 'InvalidParams',
	1      => 'CommandFailed', 3   => 'EngineGone',     4      => 'Refused',        5      => 'TimedOut',
);
our %EXIT = (ConnectionLost => 3, WaitTimedOut => 5, TimedOut => 5, LaunchFailed => 1, InvalidParams => 2);
for my $kind (values %CLASS, qw(ConnectionLost WaitTimedOut LaunchFailed)) {
	no strict 'refs';
	@{"Warp17::Error::${kind}::ISA"} = ('Warp17::Error');
}

sub kind {    # kind(KIND, SENTENCE): one of this side
	my ($kind, $message) = @_;
	return bless { message => $message, exit_code => $EXIT{$kind} // 1 }, "Warp17::Error::$kind";
}

sub of_answer {
	my ($error) = @_;
	my $kind = $CLASS{ $error->{code} };
	return bless { exit_code => 1, %{ $error->{data} // {} }, code => $error->{code}, message => $error->{message} },
		$kind ? "Warp17::Error::$kind" : 'Warp17::Error';
}

sub message   { $_[0]{message} }
sub code      { $_[0]{code} }
sub exit_code { $_[0]{exit_code} }
sub errno     { $_[0]{errno} }
sub parameter { $_[0]{parameter} }
sub expected  { $_[0]{expected} }
sub where     { $_[0]{where} }

package Warp17;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use File::Path qw(remove_tree);
use File::Temp ();
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use JSON::PP ();
use POSIX ();
use Scalar::Util qw(blessed looks_like_number);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);

our $VERSION = '0.1.0';
my $JSON = JSON::PP->new->utf8->canonical;

# Our methods and the engine's: parameters are the engine's, by name.
my %METHODS = (
	add_interface    => 'add.tests.l3_intf',       delete_interface => 'del.tests.l3_intf',
	set_gateway      => 'add.tests.l3_gw',         delete_gateway   => 'del.tests.l3_gw',
	set_mtu          => 'set.tests.mtu',           set_faults       => 'set.tests.faults',
	delete_faults    => 'del.tests.faults',        add_client       => 'add.tests.client',
	add_server       => 'add.tests.server',        add_multicast    => 'add.tests.multicast_src',
	delete_test      => 'del.tests',               set_rates        => 'set.tests.rate',
	set_timeouts     => 'set.tests.timeouts',      set_criteria     => 'set.tests.criteria',
	set_tcp_options  => 'set.tests.tcp_options',   set_ipv4_options => 'set.tests.ipv4_options',
	set_vlan         => 'set.tests.vlan_options',  set_latency      => 'set.tests.latency',
	add_imix         => 'add.tests.imix_id',       delete_imix      => 'del.tests.imix_id',
	set_imix         => 'set.tests.imix',          acquire          => 'acquire.port',
	release          => 'release.port',            session          => 'session.info',
	version          => 'show.version',            settings         => 'show.tests.config',
	statistics       => 'show.tests.stats',        latency          => 'show.tests.latency',
	imix             => 'show.tests.imix',         clear            => 'clear.statistics',
	set_response_times => 'set.tests.response_times', response_times => 'show.tests.response_times',
);
my %LISTS = (    # of a view the part that matters
	ports     => [ 'show.port.info', 'ports' ], links  => [ 'show.port.link', 'ports' ],
	link_rate => [ 'show.link.rate', 'ports' ], config => [ 'show.config',    'lines' ],
	operators => [ 'show.operators', 'operators' ],
);
{
	no strict 'refs';
	while (my ($name, $method) = each %METHODS) {
		*{$name} = sub { my ($self, %params) = @_; $self->call($method, %params) };
	}
	while (my ($name, $of) = each %LISTS) {
		*{$name} = sub { my ($self, %params) = @_; $self->call($of->[0], %params)->{ $of->[1] } };
	}
}

sub new {
	my ($class, %of) = @_;
	my $self = bless { timeout => $of{timeout} // 75, buffer => '', id => 0, queues => {}, owner => $$ }, $class;
	$self->_connect($of{addr} // $ENV{WARP17_RPC} // '127.0.0.1:42424');
	my %who = (name => $of{name} // _own_name(), read_only => $of{read_only} ? JSON::PP::true : JSON::PP::false);
	$who{token} = $of{token} if defined $of{token};
	$self->_call('session.open', \%who);
	return $self;
}

sub _own_name {
	my $stem = basename($0, '.pl', '.t');
	$stem =~ s/[^A-Za-z0-9._-]//g;
	$stem =~ s/^[-.]+//;
	return (substr($stem, 0, 20) || 'perl') . "-$$";
}

sub _connect {
	my ($self, $addr) = @_;
	$self->{addr} = $addr;
	if ($addr =~ m{^(?:unix:|(?=/))(.+)}s) {
		$self->{socket} = IO::Socket::UNIX->new(Peer => $1);
	} else {
		my ($host, $port) = $addr =~ /^\[?(.+?)\]?:([0-9]{1,5})$/ or die "'$addr' given, expected HOST:PORT, [ADDR6]:PORT or unix:PATH\n";
		$self->{socket} = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => $self->{timeout});
		$self->{socket}->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1) if $self->{socket};
	}
	die Warp17::Error::kind(ConnectionLost => "cannot reach $addr: " . ($! || $@)) unless $self->{socket};
	$self->{socket}->blocking(0);
	return;
}

sub _lost {
	my ($self, $why) = @_;
	close(delete $self->{socket}) if $self->{socket};
	return Warp17::Error::kind(ConnectionLost => "$self->{addr}: $why");
}

sub _send {
	my ($self, $message) = @_;
	my $line = $JSON->encode($message) . "\n";
	my $end  = time + $self->{timeout};
	local $SIG{PIPE} = 'IGNORE';
	die $self->_lost('the connection is closed') unless $self->{socket};
	while (length $line) {
		my $n = syswrite $self->{socket}, $line;
		if (defined $n) {
			substr($line, 0, $n, '');
		} elsif ($!{EAGAIN} || $!{EINTR}) {
			die $self->_lost('the server takes nothing') if time > $end;
			IO::Select->new($self->{socket})->can_write(0.5);
		} else {    # who is refused is told why before the end
			my $why = "$!";
			my $last = eval { $self->_receive(time + 1) };
			die Warp17::Error::of_answer($last->{error}) if ref $last eq 'HASH' && $last->{error} && !defined $last->{id};
			die $self->_lost($why);
		}
	}
	return;
}

# The next message; undef when there is none until the deadline (undef: wait for ever).
sub _receive {
	my ($self, $deadline) = @_;
	my $from = 0;
	my $end;
	while (($end = index $self->{buffer}, "\n", $from) < 0) {
		$from = length $self->{buffer};
		die $self->_lost('the connection is closed') unless $self->{socket};
		my $left = defined $deadline ? $deadline - time : undef;
		return undef if defined $left && $left <= 0;
		IO::Select->new($self->{socket})->can_read($left) or next;
		my $n = sysread $self->{socket}, $self->{buffer}, 1 << 18, $from;
		next if !defined $n && ($!{EAGAIN} || $!{EINTR});
		die $self->_lost("$!") unless defined $n;
		die $self->_lost('the server ended the connection') unless $n;
	}
	my $line = substr $self->{buffer}, 0, $end + 1, '';
	my $message = eval { $JSON->decode($line) };
	if (!ref $message) {
		my $why = $@;
		die $why if ref eval { $JSON->decode($line) };    # a signal's handler died meanwhile
		die $self->_lost("no JSON came: $why");
	}
	return $message;
}

sub _notified {    # of what has ended nobody wants to know
	my ($self, $message) = @_;
	my $queue = $self->{queues}{ $message->{params}{subscription} // '' } or return;
	push @$queue, $message->{params};
	shift @$queue if @$queue > 10000;
	return;
}

# The answer to the request or batch whose ids are from FIRST to LAST. Answers to what was given up are passed over.
sub _answer {
	my ($self, $first, $last, $what) = @_;
	my $deadline = time + $self->{timeout};
	while (my $message = $self->_receive($deadline)) {
		if (ref $message eq 'HASH' && exists $message->{method}) {
			$self->_notified($message);
			next;
		}
		my $one = ref $message eq 'ARRAY' ? $message->[0] : $message;
		die Warp17::Error::of_answer($one->{error}) if !defined $one->{id} && $one->{error};
		return $message if ($one->{id} // -1) >= $first && $one->{id} <= $last;
	}
	die Warp17::Error::kind(TimedOut => "$what: no answer within $self->{timeout} s; it may still be done");
}

sub _request {
	my ($self, $method, $params) = @_;
	return { jsonrpc => '2.0', id => ++$self->{id}, method => $method, params => $params };
}

sub _call {
	my ($self, $method, $params) = @_;
	$self->_send($self->_request($method, $params));
	my $answer = $self->_answer($self->{id}, $self->{id}, $method);
	die Warp17::Error::of_answer($answer->{error}) if $answer->{error};
	return $answer->{result};
}

sub call {
	my ($self, $method, %params) = @_;
	return $self->_call($method, $self->_typed($method, \%params));
}

sub batch {
	my ($self, @calls) = @_;
	return [] unless @calls;
	my @typed = map { [ $_->[0], $self->_typed($_->[0], $_->[1] // {}) ] } @calls;
	my $first = $self->{id} + 1;
	$self->_send([ map { $self->_request(@$_) } @typed ]);
	my $answers = $self->_answer($first, $self->{id}, 'a batch');
	return [ map { $_->{error} ? Warp17::Error::of_answer($_->{error}) : $_->{result} } @$answers ];
}

# ---- Perl's values have no types: what a parameter has to be is taken from the engine's description.

sub discover {
	my ($self) = @_;
	return $self->{doc} //= $self->_call('rpc.discover', {});
}

sub _typed {
	my ($self, $method, $params) = @_;
	my %given = map { $_ => $params->{$_} } grep { defined $params->{$_} } keys %$params;
	return \%given unless %given;
	$self->{schemas} //= { map { my $m = $_; $m->{name} => { map { $_->{name} => $_->{schema} } @{ $m->{params} } } } @{ $self->discover->{methods} } };
	my $schemas = $self->{schemas}{$method} // {};
	return { map { $_ => $schemas->{$_} ? $self->_as($given{$_}, $schemas->{$_}) : $given{$_} } keys %given };
}

sub _kinds {    # the schemas of which one has to hold
	my ($self, $schema) = @_;
	if (my $ref = $schema->{'$ref'}) {
		my ($name) = $ref =~ m{([^/]+)$};
		return $self->_kinds($self->discover->{components}{schemas}{$name});
	}
	return map { $self->_kinds($_) } @{ $schema->{anyOf} } if $schema->{anyOf} && !$schema->{type};
	return $schema;
}

sub _as {
	my ($self, $value, $schema) = @_;
	return $value if blessed $value;    # JSON::PP::true
	my %is = map { my $s = $_; map { $_ => $s } ref $s->{type} ? @{ $s->{type} } : $s->{type} // 'string' } $self->_kinds($schema);
	if (ref $value eq 'ARRAY' && @$value == 2 && !$is{array} && $is{object}) {    # a range
		$value = { first => $value->[0], last => $value->[1] };
	}
	if (ref $value eq 'ARRAY') {
		return [ map { $self->_as($_, ($is{array} // {})->{items} // {}) } @$value ];
	} elsif (ref $value eq 'HASH') {
		my $of = ($is{object} // {})->{properties} // {};
		return { map { $_ => $of->{$_} ? $self->_as($value->{$_}, $of->{$_}) : $value->{$_} } keys %$value };
	}
	return $value if ref $value;
	return 0 + $value if $is{integer} && $value =~ /^-?[0-9]+$/ || $is{number} && looks_like_number($value);
	return $value ? JSON::PP::true : JSON::PP::false if $is{boolean};
	return "$value";
}

# ---- applications

sub set_client { my $self = shift; return $self->_app('set.tests.client', @_) }
sub set_server { my $self = shift; return $self->_app('set.tests.server', @_) }

sub _app {
	my ($self, $method, %of) = @_;
	my ($app, $fields) = (delete $of{app} // die("app: expected raw, http or echo\n"), delete $of{fields} // []);
	my @whose = map { exists $of{$_} ? ($_ => $of{$_}) : () } qw(port test_case_id app_index);
	$self->call("$method.$app", %of);
	$self->call("$method.$app.field", @whose, http_field => $_) for @$fields;
	return;
}

sub set_imix_client { my $self = shift; return $self->_imix_app('client', @_) }
sub set_imix_server { my $self = shift; return $self->_imix_app('server', @_) }

sub _imix_app {
	my ($self, $side, %of) = @_;
	my $weight = delete $of{weight};
	$self->_app("set.tests.imix.$side", %of);
	$self->call('set.tests.imix.weight', app_index => $of{app_index}, weight => $weight) if defined $weight;
	return;
}

sub set_async {
	my ($self, %of) = @_;
	my $on = delete $of{on} // 1;
	return $self->call($on ? 'set.tests.async' : 'set.tests.noasync', %of);
}

# ---- running

sub start { my ($self, @ports) = @_; $self->call('start.tests', port => $_) for @ports; return }
sub stop  { my ($self, @ports) = @_; $self->call('stop.tests',  port => $_) for @ports; return }

sub status {
	my ($self, @ports) = @_;
	return map { my $p = $_; map { { %$_, port => $p } } @{ $self->call('show.tests.state', port => $p)->{tests} } } @ports;
}

sub counters {
	my ($self, $group, $port) = @_;
	my $view = $self->call("show.$group.statistics", port => $port);
	return defined $port ? $view->{ports}{$port}{stats} : $view->{total};
}

sub wait {
	my ($self, $criteria, %of) = @_;
	my $timeout = $of{timeout} // 60;
	my $end     = time + $timeout;
	while (1) {
		my @last;
		if (ref $criteria eq 'CODE') {
			@last = ($criteria->());
			return $last[0] if $last[0];
		} else {
			@last = $self->status(ref $criteria ? @$criteria : $criteria);
			return \@last unless grep { $_->{state} !~ /^(?:PASSED|FAILED|STOPPED)$/ } @last;
			$_ = describe($_) for @last;
		}
		die Warp17::Error::kind(WaitTimedOut => "not within $timeout s: " . join '; ', map { $_ // 'nothing' } @last) if time >= $end;
		sleep($of{interval} // 0.2);
	}
}

sub describe {    # of status(), in words
	my ($t) = @_;
	return "port $t->{port} test case $t->{test_case_id} $t->{state}: $t->{criteria} $t->{achieved} of $t->{target}"
		. join '', map { ", $_" } grep { length } @$t{qw(reason note)};
}

# ---- live

sub live {
	my ($self, $method, %of) = @_;
	my $interval = delete $of{interval} // 1;
	return Warp17::Subscription->new($self, { method => $method, params => $self->_typed($method, \%of), interval_ms => int(1000 * $interval + 0.5) },
		$interval + $self->{timeout});
}

sub live_stats { my ($self, %of) = @_; return $self->live('show.tests.stats', %of) }

sub events {
	my ($self, %of) = @_;
	return Warp17::Subscription->new($self, { events => JSON::PP::true, defined $of{since} ? (since => 0 + $of{since}) : () }, undef);
}

# ---- engines of our own

sub _launcher {
	my $here = dirname(abs_path(__FILE__));    # scripts/perl of the tree, or share/warp17/perl
	my $asked = $ENV{WARP17_LAUNCHER};
	for my $path ($asked // ("$here/../warp17", "$here/../../../bin/warp17", map { "$_/warp17" } split /:/, $ENV{PATH} // '')) {
		return $path if -f $path && -x _;
	}
	die Warp17::Error::kind(LaunchFailed => ($asked // 'scripts/warp17') . ' is no launcher: set WARP17_LAUNCHER');
}

sub _spawn {    # _spawn(OUT, ERR, COMMAND...): pid
	my ($out, $err, @command) = @_;
	my $pid = fork // die Warp17::Error::kind(LaunchFailed => "fork: $!");
	return $pid if $pid;
	$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
	open STDIN,  '<',  '/dev/null';
	open STDOUT, '>>', $out;
	open STDERR, '>>', $err;
	POSIX::setsid();    # Ctrl-C is for us, who then end it
	exec { $command[0] } @command or POSIX::_exit(127);
}

sub _slurp { open my $f, '<', $_[0] or return ''; local $/; return scalar(<$f>) // '' }

sub _said {    # the sentence of an error among what a program wrote; else the last line
	my @lines = grep { /\S/ } split /\n/, $_[0];
	return (grep { /error:/ } @lines)[0] // $lines[-1] // '';
}

sub _launch {
	my ($engine, $command, @args) = @_;
	my ($out, $err) = map { "$engine->{dir}/$command.$_" } qw(out err);
	local @ENV{qw(WARP17_CONFIG WARP17_LOG_DIR)} = ($engine->{config}, $engine->{dir});
	local $?;
	my $pid = _spawn($out, $err, $engine->{launcher}, $command, '--prefix', $engine->{prefix}, @args);
	if (!eval { waitpid $pid, 0; 1 }) {    # interrupted: told so, it takes back what it did
		my $why = $@;
		kill TERM => $pid;
		waitpid $pid, 0;
		die $why;
	}
	return ($?, _slurp($out), _slurp($err));
}

sub launch {
	my ($class, %of) = @_;
	my ($args, $eal, $prefix, $config, $timeout, $name) = delete @of{qw(args eal prefix config timeout name)};
	my $engine = { launcher => _launcher(), dir => File::Temp::tempdir('warp17-XXXXXXXX', TMPDIR => 1), owner => $$,
		prefix => $prefix // "pl$$-" . int(time * 1000) % 1000000, config => $config // '/dev/null' };
	my @words = map { my $v = $of{$_}; (my $w = "--$_") =~ tr/_/-/; defined $v ? ($w, "$v" eq 'on' ? () : $v) : () } sort keys %of;
	my $self = eval {
		$engine->{running} = 1;    # also while it starts: who is interrupted then has to end it
		my ($rc, $out, $err) = _launch($engine, 'start', $eal ? (@$eal, '--') : (), @{ $args // [] }, @words);
		if ($rc) {                 # it took back what it did, and one of that prefix may be another's
			delete $engine->{running};
			die Warp17::Error::kind(LaunchFailed => _said($err) || "the launcher ended with $rc");
		}
		($engine->{pid}) = $out =~ /READY .*\bpid=(\d+)/;
		_serve($engine);
		$class->new(addr => $engine->{address}, timeout => $timeout, name => $name);
	};
	if (!$self) {
		my $why = $@;
		eval { _engine_stop($engine) };
		die $why;
	}
	$self->{engine} = $engine;
	return $self;
}

sub _serve {
	my ($engine) = @_;
	my $log = "$engine->{dir}/rpc.log";
	$engine->{address} = "unix:$engine->{dir}/rpc";
	local @ENV{qw(WARP17_CONFIG WARP17_LOG_DIR)} = ($engine->{config}, $engine->{dir});
	$engine->{server} = _spawn($log, $log, $engine->{launcher}, 'rpc', $engine->{address}, '--prefix', $engine->{prefix});
	my $end = time + 20;
	while (_slurp($log) !~ /RPC READY/) {
		if (waitpid($engine->{server}, POSIX::WNOHANG()) || time > $end) {
			die Warp17::Error::kind(LaunchFailed => _said(_slurp($log)) || 'the RPC server was not READY within 20 s');
		}
		sleep 0.02;
	}
	return;
}

sub _engine_stop {
	my ($engine) = @_;
	return if $engine->{owner} != $$ || !-d $engine->{dir};    # a child of ours may have come here
	my ($rc, undef, $err) = delete $engine->{running} ? _launch($engine, 'stop') : (0);
	local $?;
	if (my $server = delete $engine->{server}) {    # it ends with its engine
		my $end = time + 10;
		while (!waitpid $server, POSIX::WNOHANG()) {
			kill KILL => $server if time > $end;
			sleep 0.02;
		}
	}
	remove_tree($engine->{dir});
	die Warp17::Error::kind(LaunchFailed => _said($err)) if $rc;
	return;
}

sub engine { return $_[0]{engine} }

sub close {    ## no critic: it is the name of Python's
	my ($self) = @_;
	CORE::close(delete $self->{socket}) if $self->{socket};
	_engine_stop($self->{engine}) if $self->{engine};
	return;
}

sub DESTROY {
	my ($self) = @_;
	local ($@, $!, $?);
	eval { $self->close } if $self->{owner} == $$;
	return;
}

package Warp17::Subscription;
use Time::HiRes qw(time);

sub new {
	my ($class, $client, $what, $wait) = @_;
	my $id = $client->_call('subscribe', $what)->{subscription};
	$client->{queues}{$id} = [];
	return bless { client => $client, id => $id, wait => $wait, lost => 0 }, $class;
}

sub next {    ## no critic
	my ($self, $timeout) = @_;
	$timeout //= $self->{wait};
	my ($client, $deadline) = ($self->{client}, defined $timeout ? time + $timeout : undef);
	my $queue = $client->{queues}{ $self->{id} } or return undef;
	while (!@$queue) {
		my $message = $client->_receive($deadline)
			or die Warp17::Error::kind(TimedOut => "subscription $self->{id}: nothing within $timeout s");
		$client->_notified($message) if ref $message eq 'HASH' && exists $message->{method};
	}
	my $params = shift @$queue;
	$self->{lost} += $params->{lost} // 0;
	@$self{qw(seq realtime_ns)} = @$params{qw(seq realtime_ns)};
	die Warp17::Error::of_answer($params->{error}) if $params->{error};
	return $params->{event} // $params->{result};
}

sub lost        { return $_[0]{lost} }
sub seq         { return $_[0]{seq} }
sub realtime_ns { return $_[0]{realtime_ns} }

sub close {    ## no critic
	my ($self) = @_;
	return unless delete $self->{client}{queues}{ $self->{id} };
	eval { $self->{client}->_call('unsubscribe', { subscription => $self->{id} }) };
	return;
}

1;

__END__

=head1 NAME

Warp17 - drives WARP17, a stateful traffic generator, over its JSON-RPC

=head1 SYNOPSIS

    use Warp17;

    my $w = Warp17->launch(ring_if_pairs => 1, tcb_pool_sz => 64);
    $w->add_interface(port => 0, ip => '10.0.0.1', mask => '255.255.255.0');
    $w->add_client(proto => 'tcp', port => 0, test_case_id => 0, src => '10.0.0.1', sport => [10001, 10100],
        dest => '10.0.0.253', dport => 80);
    $w->set_client(port => 0, test_case_id => 0, app => 'http', method => 'GET', host => 'www.foo42.net', object => '/', req_size => 0);
    ...
    $w->start(1, 0);
    my $states = $w->wait([0, 1], timeout => 30);
    $w->stop(0, 1);

=head1 DESCRIPTION

The calls of the Python module, with Perl's core modules alone. Parameters go by their names of F<doc/rpc-methods.md>, where
units and limits are; of what type they have to be is asked of the engine, so C<"80"> and C<80> are the same. A range is
C<[first, last]> or a text; C<undef> is a parameter left out.

Counters are exact to the last digit: integers of more digits than Perl's JSON gives as numbers come as texts, which Perl
adds and compares as integers up to 2**64-1.

=head1 CONNECTING

=over

=item new(addr, name, read_only, token, timeout)

C<addr> is C<HOST:PORT>, C<[ADDR6]:PORT> or C<unix:PATH>; left out: C<WARP17_RPC> of the environment, or 127.0.0.1:42424. C<timeout>
is how many seconds an answer may take (75).

=item launch(args, eal, prefix, config, timeout, name, OPTION...)

Starts an engine and its RPC server on this machine, by F<scripts/warp17> (C<WARP17_LAUNCHER>). An option such as
C<tcb_pool_sz =E<gt> 64> is the engine's B<--tcb-pool-sz>; one without value has C<'on'>. C<engine> tells its C<pid>, C<prefix> and C<address>.

=item close

Leaves; an engine of launch() ends. So does the end of the object.

=back

=head1 CALLS

=over

=item call(METHOD, NAME => VALUE...), batch([METHOD, {...}]...), discover

Any method of the server. Of a batch the results come in order, with an error object in the place of what failed.

=item add_interface delete_interface set_gateway delete_gateway set_mtu set_faults delete_faults acquire release

Ports.

=item add_client add_server add_multicast delete_test set_rates set_timeouts set_criteria set_async set_tcp_options
set_ipv4_options set_vlan set_latency set_response_times

Test cases. set_async takes C<on>.

=item set_client set_server (port, test_case_id, app, fields, ...), set_imix_client set_imix_server (app_index, weight, app, ...)

Applications: C<app> is C<raw>, C<http> or C<echo>, the rest are its parameters; C<fields> are HTTP's header fields.

=item add_imix delete_imix set_imix imix

IMIX groups: C<add_imix(imix_id =E<gt> 0, app =E<gt> [0, 1])>.

=item start(PORT...), stop(PORT...), status(PORT...)

status() is a list of states: C<port>, C<test_case_id>, C<state>, C<achieved>, C<target>, C<behind>, C<reason>... C<Warp17::describe> makes
a sentence of one.

=item wait(CRITERIA, timeout, interval)

CRITERIA is a port, a list of ports, until all their test cases have PASSED, FAILED or STOPPED: their states; or code, until
it is true: its value. Dies with Warp17::Error::WaitTimedOut after C<timeout> seconds (60).

=item statistics latency response_times settings config ports links link_rate operators session version clear, counters(GROUP, PORT)

What is there.

=item live(METHOD, interval, NAME => VALUE...), live_stats(port, test_case_id, interval), events(since)

A subscription: C<next> is the next view or event, C<next(SECONDS)> waits no longer; C<lost>, C<seq>, C<realtime_ns>; C<close> ends it,
and next() is undef from then on.

=back

=head1 ERRORS

Calls die with an object that is the engine's sentence as text, and has C<code>, C<exit_code> (for exit()), C<parameter>,
C<expected>, C<where>, C<errno>. Its class is Warp17::Error:: and ParseError, InvalidRequest, MethodNotFound, InvalidParams,
CommandFailed, EngineGone, Refused, TimedOut, as the server's codes are; or ConnectionLost, WaitTimedOut, LaunchFailed.

=cut

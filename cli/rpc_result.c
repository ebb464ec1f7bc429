/* What results look like, as JSON Schema. The shapes of show*.c stand here in a short notation:
 *
 *   i s b n           an integer, a text, a truth value, a number; i|s either
 *   {key:...,key?:...} an object; ? it may be missing
 *   [...]             a list of those
 *   <...>             an object with any keys, all of that kind
 *   @name             a part below, or a group's counters
 *   ...?              or null
 *
 * test_rpc.py holds every view that an engine gives against it. */
#include "cli/rpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shape {
	const char *name, *notation;
};

static const struct shape parts[] = {
	{"message", "{message:s}"},
	{"session",
		"{name:s,read_only:b,slot:i,peer:s,ports:[i],engine:{version:s,prefix:s,pid:i,"
		"ports:i,workers:i},server:{version:s,pid:i}}"},
	{"lines", "{lines:[s]}"},
	{"ipv4_options", "{tos:i,dscp:s|i,ecn:s,tx-timestamp:i,rx-timestamp:i}"},
	{"latency_limits", "{max_us:i,max_avg_us:i,samples:i}"},
	{"latency_recent", "{samples:i,min_ns:i?,avg_ns:i?,max_ns:i?,jitter_ns:i?}"},
	{"latency_shown",
		"{global:{samples:i,invalid:i,max_exceeded:i,max_avg_exceeded:i,min_ns:i?,"
		"avg_ns:i?,max_ns:i?,jitter_ns:i?},recent?:@latency_recent}"},
	{"response_time",
		"{samples:i,min_ns:i?,avg_ns:i?,max_ns:i?,p50_ns:i?,p90_ns:i?,p99_ns:i?,"
		"p99_9_ns:i?}"},
	{"response_times_shown", "{from:s,first_byte:@response_time,last_byte:@response_time}"},
	{"faults_settings",
		"{on:b,loss_percent:n,burst_pkts:i,duplicate_percent:n,reorder_percent:n,"
		"reorder_by_ms:n,corrupt_percent:n,delay_ms:n,jitter_ms:n,rate_mbps:n,"
		"queue_pkts:i,seed:i,stats?:<i>}"},
	{"app_settings",
		"{app:s,requests?:i|s,imix_id?:i,data_req_plen?:i,data_resp_plen?:i,"
		"rx_timestamp?:i,tx_timestamp?:i,method?:s,host?:s,object?:s,req_size?:i,"
		"status?:s,resp_size?:i,http_fields?:s,size?:i}"},
	{"test_settings",
		"{test_case_id:i,type:s,async:b,src:s,sport:s,dest?:s,dport?:s,rate_open?:i|s,"
		"rate_close?:i|s,rate_send?:i|s,init_s?:i|s,uptime_s?:i|s,downtime_s?:i|s,"
		"criterion:s,criterion_count:i,criterion_within_s?:i,vlan_id:i,vlan_pri:i,"
		"ipv4:@ipv4_options,response_times?:s,latency?:@latency_limits,app:s}"},
	{"imix_stats", "[{app_index:i,app:s,weight:i,stats:@tc}]"},
	{"note_operator", "{name:s,uid:i,pid:i}"},
	{"event",
		"{no:i,time:s,realtime_ns:i,event:s,level:s,port:i?,test_case_id:i?,"
		"operator:@note_operator?,text:s}"},
	{"change",
		"{no:i,time:s,realtime_ns:i,operator:@note_operator?,port:i?,command:s,code:i,"
		"error:s?}"},
};

static const struct {
	enum cmd_id id;
	const char *notation;
} views[] = {
	{CMD_show_config, "@lines"},
	{CMD_show_tests_config,
		"{port:i,mtu:i,gw:s?,tx_faults?:@faults_settings,rx_faults?:@faults_settings,"
		"l3_interfaces:[{ip:s?,mask:s?,vlan_id:i,gw:s?}],tests:<@test_settings>}"},
	{CMD_show_tests_state,
		"{port:i,running:b,tests:[{test_case_id:i,type:s,app:s,criteria:s,target:i,"
		"achieved:i,state:s,runtime_s:n,estab_us:i,behind:b,note:s,reason:s}]}"},
	{CMD_show_tests_stats,
		"{port:i,test_case_id:i,type:s,app:s,state:s,rates:{established_per_second:i,"
		"closed_per_second:i,messages_per_second:i,requests_per_second:i},stats:@tc,"
		"apps?:@imix_stats,latency?:@latency_shown,"
		"response_times?:@response_times_shown,since_clear?:b}"},
	{CMD_show_tests_tcp_options,
		"{port:i,test_case_id:i,win-size:i,syn-retry:i,syn-ack-retry:i,data-retry:i,"
		"retry:i,rto:i,fin-to:i,twait-to:i,orphan-to:i,twait-skip:i,ack-delay:i,"
		"ack-on-data:i,fin-on-data:i,congestion:s,mss:i,user-to:i,window-scale:i,"
		"timestamps:i,sack:i,ecn:i}"},
	{CMD_show_tests_vlan_options, "{port:i,test_case_id:i,vlan-id:i,vlan-pri:i}"},
	{CMD_show_tests_ipv4_options,
		"{port:i,test_case_id:i,tos:i,dscp:s|i,ecn:s,"
		"tx-timestamp:i,rx-timestamp:i}"},
	{CMD_show_tests_latency,
		"{port:i,test_case_id:i,on:b,limits:@latency_limits,"
		"latency:@latency_shown,buckets:[[i]],since_clear?:b}"},
	{CMD_show_tests_response_times,
		"{port:i,test_case_id:i,from:s,first_byte:@response_time,"
		"last_byte:@response_time,buckets:{first_byte:[[i]],last_byte:[[i]]},"
		"since_clear?:b}"},
	{CMD_show_tests_faults, "{port:i,tx:@faults_settings,rx:@faults_settings}"},
	{CMD_show_tests_imix,
		"{groups:[{imix_id:i,apps:@imix_stats,port?:i,test_case_id?:i,"
		"since_clear?:b}],apps:[@app_settings]}"},
	{CMD_show_port_info,
		"{ports:[{port:i,name:s,driver:s,kind:s,mac:s,mtu:i,socket:i?,"
		"queues:i,checksums:s,held_by:s?}]}"},
	{CMD_show_port_map,
		"{queues:[{port:i,queue:i,lcore:i,cpu:i,port_socket:i?,"
		"lcore_socket:i?}]}"},
	{CMD_show_port_link, "{ports:[{port:i,link:s,speed_mbps:i?,duplex:s?}]}"},
	{CMD_show_link_rate,
		"{ports:[{port:i,link:s,speed_mbps:i?,duplex:s?,tx_percent:n?,tx_mbps:n,"
		"tx_pkts_per_second:i,rx_percent:n?,rx_mbps:n,rx_pkts_per_second:i}],seconds:n}"},
	{CMD_show_lcore_load,
		"{workers:[{lcore:i,cpu:i,load_percent:n?,rx_pkts_per_second:i?,"
		"tx_pkts_per_second:i?,packets_per_turn:n?,cycles_per_packet:n?,"
		"longest_turn_us:n?}]}"},
	{CMD_show_arp_entries, "{entries:[{port:i,ip:s?,mac:s,vlan_id:i,state:s}]}"},
	{CMD_show_operators,
		"{operators:[{slot:i,name:s,kind:s,state:s,pid:i,uid:i,since:s,read_only:b,"
		"ports:[i],commands:i,last_command:s}]}"},
	{CMD_show_audit, "{last:i,changes:[@change]}"},
	{CMD_show_events, "{last:i,events:[@event]}"},
	{CMD_show_version, "{engine:s,cli:s,prefix:s,pid:i,ports:i,workers:i}"},
	{CMD_clear_statistics, "{}"},
	{CMD_clear_stats, "{}"},
};

static json_t *schema(const char **at);

static json_t *ref(const char *name, size_t len)
{
	json_t *path = json_sprintf("#/components/schemas/%.*s", (int)len, name);

	return json_pack("{so}", "$ref", path);
}

static bool word_char(char c)
{
	return c != '\0' && strchr(":,?{}[]<>|", c) == NULL;
}

static size_t word(const char *s)
{
	size_t n = 0;

	while (word_char(s[n]))
		n++;
	return n;
}

static json_t *object(const char **at)
{
	json_t *props = json_object(), *needed = json_array(), *o;

	while (**at != '}') {
		size_t n;

		*at += **at == ',';
		n = word(*at);
		BUG_ON(n == 0);
		if ((*at)[n] != '?')
			json_array_append_new(needed, json_stringn(*at, n));
		else
			n++;
		o = json_stringn(*at, n - ((*at)[n - 1] == '?'));
		*at += n + 1; /* the colon */
		json_object_set_new(props, json_string_value(o), schema(at));
		json_decref(o);
	}
	o = json_pack("{ss so}", "type", "object", "properties", props);
	if (json_array_size(needed) != 0)
		json_object_set(o, "required", needed);
	json_decref(needed);
	return o;
}

static json_t *scalar(char c)
{
	BUG_ON(strchr("isbn", c) == NULL);
	return json_string(c == 'i' ? "integer"
			: c == 's'  ? "string"
			: c == 'b'  ? "boolean"
				    : "number");
}

/* Of one or more scalars. */
static json_t *scalars(const char **at)
{
	json_t *types = json_array(), *o;

	for (;; ++*at) {
		json_array_append_new(types, scalar(*(*at)++));
		if (**at != '|')
			break;
	}
	if (**at == '?')
		json_array_append_new(types, json_string("null"));
	*at += **at == '?';
	o = json_pack(
		"{sO}", "type", json_array_size(types) == 1 ? json_array_get(types, 0) : types);
	json_decref(types);
	return o;
}

/* One value; *at is moved behind it. */
static json_t *schema(const char **at)
{
	char c = *(*at)++;
	json_t *o;
	size_t n;

	if (c == '{') {
		o = object(at);
	} else if (c == '[') {
		o = json_pack("{ss so}", "type", "array", "items", schema(at));
	} else if (c == '<') {
		o = json_pack("{ss so}", "type", "object", "additionalProperties", schema(at));
	} else if (c == '@') {
		n = word(*at);
		o = ref(*at, n);
		*at += n - 1; /* as if it had a bracket */
	} else {
		--*at;
		return scalars(at);
	}
	++*at;
	if (**at == '?') {
		++*at;
		o = json_pack("{s[o{ss}]}", "anyOf", o, "type", "null");
	}
	return o;
}

static json_t *schema_of(const char *notation)
{
	json_t *o = schema(&notation);

	BUG_ON(*notation != '\0');
	return o;
}

static json_t *statistics_schema(const struct stats_group *g)
{
	char notation[300];

	if (g->scope == STAT_SCOPE_LCORE)
		snprintf(notation, sizeof(notation),
			"{group:s,lcores:<@%s>,total:@%s,since_clear?:b}", g->name, g->name);
	else
		snprintf(notation, sizeof(notation),
			"{group:s,ports:<{stats:@%s,device?:@device,lcores?:<@%s>}>,total:@%s,"
			"since_clear?:b}",
			g->name, g->name, g->name);
	return schema_of(notation);
}

json_t *rpc_result_schema(const struct rpc_method *m)
{
	if (m->own != RPC_COMMAND)
		return schema_of(m->result);
	if (cmd_desc(m->id)->kind == CMD_KIND_ENGINE)
		return schema_of("@message");
	if (show_group_of(m->id) != NULL)
		return statistics_schema(show_group_of(m->id));
	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		if (views[i].id == m->id)
			return schema_of(views[i].notation);
	}
	return NULL;
}

static json_t *counters(const struct stats_group *g)
{
	json_t *props = json_object(), *needed = json_array();

	for (size_t i = 0; i < g->n; i++) {
		json_object_set_new(props, g->stats[i].name,
			json_pack("{ss ss}", "type", "integer", "description", g->stats[i].help));
		json_array_append_new(needed, json_string(g->stats[i].name));
	}
	return json_pack("{ss ss so so}", "type", "object", "description", g->help, "properties",
		props, "required", needed);
}

json_t *rpc_result_parts(void)
{
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		json_object_set_new(o, parts[i].name, schema_of(parts[i].notation));
	for (size_t i = 0; i < stats_n_groups; i++) {
		BUG_ON(json_object_get(o, stats_groups[i].name) != NULL); /* a part has that name */
		json_object_set_new(o, stats_groups[i].name, counters(&stats_groups[i]));
	}
	json_object_set_new(o, "device", counters(&stats_device_group));
	return o;
}

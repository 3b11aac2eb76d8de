package audit

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// upstreamIDs are all ids of upstream's two versions.
const upstreamIDs = `fs.state_dir.symlink fs.state_dir.perms_world_writable fs.state_dir.perms_group_writable fs.state_dir.perms_readable
fs.config.symlink fs.config.perms_writable fs.config.perms_world_readable fs.config.perms_group_readable
fs.config_include.perms_writable fs.config_include.perms_world_readable fs.config_include.perms_group_readable
fs.credentials_dir.perms_writable fs.credentials_dir.perms_readable fs.auth_profiles.perms_writable fs.auth_profiles.perms_readable
fs.sessions_store.perms_readable fs.log_file.perms_readable fs.synced_dir
gateway.bind_no_auth gateway.loopback_no_auth gateway.trusted_proxies_missing gateway.http.no_auth gateway.http.session_key_override_enabled
gateway.tools_invoke_http.dangerous_allow gateway.control_ui.allowed_origins_required gateway.control_ui.allowed_origins_wildcard
gateway.control_ui.host_header_origin_fallback gateway.control_ui.insecure_auth gateway.control_ui.device_auth_disabled
gateway.real_ip_fallback_enabled gateway.tailscale_funnel gateway.tailscale_serve gateway.token_too_short gateway.password_too_short
gateway.token_placeholder_value gateway.password_placeholder_value gateway.env_token_overrides_config gateway.trusted_proxy_auth
gateway.trusted_proxy_no_proxies gateway.trusted_proxy_no_user_header gateway.trusted_proxy_no_allowlist gateway.trusted_proxy_allow_loopback
gateway.trusted_proxy_device_auto_approve gateway.trusted_proxy_device_auto_approve_admin gateway.auth_no_rate_limit
gateway.nodes.deny_commands_ineffective gateway.nodes.allow_commands_dangerous gateway.probe_failed gateway.probe_auth_secretref_unavailable
discovery.mdns_full_mode mcp.apps.enabled
browser.control_invalid_config browser.control_no_auth browser.remote_cdp_http browser.remote_cdp_private_host browser.extension_relay_legacy_auth
config.insecure_or_dangerous_flags config.secrets.gateway_password_in_config config.secrets.hooks_token_in_config config.agent_roster.invalid_default_count
logging.redact_off security.audit.suppressions.active security.exposure.open_channels_with_exec security.exposure.open_groups_with_elevated
security.exposure.open_groups_with_runtime_or_fs security.exposure.open_groups_with_control_plane_tools security.trust_model.multi_user_heuristic
security.trust_model.group_scope_main security.trust_model.cross_agent_session_access_default summary.attack_surface
hooks.token_too_short hooks.token_reuse_gateway_token hooks.path_root hooks.default_session_key_unset hooks.allowed_agent_ids_unrestricted
hooks.request_session_key_enabled hooks.request_session_key_prefixes_missing hooks.installs_unpinned_npm_specs hooks.installs_missing_integrity hooks.installs_version_drift
sandbox.docker_config_mode_off sandbox.bind_mount_non_absolute sandbox.dangerous_bind_mount sandbox.dangerous_network_mode sandbox.dangerous_seccomp_profile
sandbox.dangerous_apparmor_profile sandbox.browser_cdp_bridge_unrestricted sandbox.browser_container.hash_label_missing sandbox.browser_container.hash_epoch_stale
sandbox.browser_container.non_loopback_publish sandbox.browser_container.docker_probe_timeout
tools.exec.security_full_configured tools.exec.host_sandbox_no_sandbox_defaults tools.exec.host_sandbox_no_sandbox_agents tools.exec.auto_allow_skills_enabled
tools.exec.allowlist_interpreter_without_strict_inline_eval tools.exec.safe_bins_interpreter_unprofiled tools.exec.safe_bins_broad_behavior
tools.exec.safe_bin_trusted_dirs_risky tools.exec.fs_tools_disabled_but_exec_enabled tools.exec.agent_skill_mcp_boundary_drift
tools.exec.mcporter_registry_inspection_incomplete tools.elevated.allowFrom.telegram.wildcard tools.elevated.allowFrom.telegram.large tools.profile_minimal_overridden
models.legacy models.weak_tier models.small_params
plugins.extensions_no_allowlist plugins.tools_reachable_permissive_policy plugins.allow_phantom_entries plugins.installs_unpinned_npm_specs
plugins.installs_missing_integrity plugins.installs_version_drift plugins.code_safety plugins.code_safety.entry_path plugins.code_safety.entry_escape
plugins.code_safety.scan_failed plugins.code_safety.manifest_parse_error plugins.x.security_audit_failed skills.workspace.symlink_escape
skills.workspace.scan_truncated skills.code_safety skills.code_safety.scan_failed
channels.telegram.dm.open channels.telegram.dm.open_invalid channels.telegram.dm.disabled channels.telegram.dm.locked channels.telegram.dm.scope_main_multiuser
channels.dm.session_collision.main.1 channels.telegram.dm.wildcard_routing_unverified.a channels.telegram.routing.owner_missing
channels.telegram.account.read_only_resolution channels.discord.allowFrom.dangerous_name_matching_enabled channels.discord.allowFrom.mutable_entries_inert
channels.telegram.warning.1 channels.telegram.groups.open channels.telegram.allowFrom.invalid_entries channels.telegram.groups.allowFrom.wildcard
channels.telegram.groups.allowFrom.missing channels.discord.allowFrom.name_based_entries channels.discord.commands.native.unrestricted
channels.discord.commands.native.no_allowlists channels.slack.commands.slash.useAccessGroups_off channels.slack.commands.slash.no_allowlists
channels.zalouser.groups.mutable_entries channels.synology-chat.reply.dangerous_name_matching_enabled channels.feishu.doc_owner_open_id`

var divergenceRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (dropped|absent) \\| (.{10,}) \\|$")

// TestUpstreamCatalogue: every id of upstream is here, by id or alias, or its
// absence is written down with the reason.
func TestUpstreamCatalogue(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "checks", "divergence.md"))
	if err != nil {
		t.Fatal(err)
	}
	var known, dropped []string
	for _, c := range Catalogue() {
		known = append(append(known, c.ID), c.Aliases...)
	}
	for _, m := range divergenceRow.FindAllStringSubmatch(string(b), -1) {
		if m[2] == "dropped" {
			dropped = append(dropped, m[1])
		}
	}
	if lines := strings.Count(string(b), "\n| `"); lines != len(divergenceRow.FindAllString(string(b), -1)) {
		t.Errorf("%d rows of the table cannot be read", lines-len(divergenceRow.FindAllString(string(b), -1)))
	}
	ids := strings.Fields(upstreamIDs)
	if len(ids) < 125 {
		t.Fatalf("%d ids", len(ids))
	}
	matches := func(patterns []string, id string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { ok, err := path.Match(p, id); return err == nil && ok })
	}
	for _, id := range ids {
		if !matches(known, id) && !matches(dropped, id) {
			t.Errorf("%s of upstream is neither a check nor a named divergence", id)
		}
	}
	for _, d := range dropped {
		if !slices.ContainsFunc(ids, func(id string) bool { ok, err := path.Match(d, id); return err == nil && ok }) {
			t.Errorf("%s is no id of upstream", d)
		}
	}
}

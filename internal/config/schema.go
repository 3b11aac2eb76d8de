package config

import "github.com/openclaw-go/openclaw/internal/json5"

// The struct tags of the schema_*.go files are the one table of known keys:
//
//	key       the key, then older spellings that mean the same
//	enum      the values of a text; also: older=value pairs read with a warning
//	min, max  bounds of a number
//	unit      what a bare number counts in a duration: ms s m h d
//	def       the default, for people
//	doc       one sentence, for people
//	opt       guard (an error inside is fatal), tool (tool names: folded to
//	          lower case), ids (numbers count as text), bool (true and false
//	          count as text), slug (an agent id), pattern of keys: see below,
//	          unbuilt (typed, judged by the audit, not implemented here)
//
// and on a blank field of a block:
//
//	upstream  keys of upstream that are kept and not implemented
//	short     the key that a bare text in place of the block stands for
//	open      1: any further key is fine; named: a further key names something
//	          that is not built here, unless it is near a known key

// Config is the whole configuration.
type Config struct {
	Schema      Value[string]    `key:"$schema" doc:"JSON schema address for editors"`
	Gateway     Gateway          `key:"gateway" opt:"guard" doc:"the server: where it listens and who may call it"`
	Agents      Agents           `key:"agents" doc:"agents and what they share"`
	Bindings    []Route          `key:"bindings" opt:"guard" doc:"which agent answers which conversation"`
	Models      Models           `key:"models" doc:"model providers"`
	Auth        ModelAuth        `key:"auth" doc:"order of model credentials"`
	Messages    Messages         `key:"messages" doc:"inbound and outbound text"`
	Session     Session          `key:"session" opt:"guard" doc:"how conversations map to sessions"`
	Tools       Tools            `key:"tools" opt:"guard" doc:"what agents may do"`
	Secrets     Secrets          `key:"secrets" opt:"guard" doc:"where secret references lead"`
	Channels    Channels         `key:"channels" opt:"guard" doc:"chat channels and who may write"`
	AccessGroup Map[AccessGroup] `key:"accessGroups" opt:"guard" doc:"named lists of senders"`
	Commands    Commands         `key:"commands" opt:"guard" doc:"chat commands and who owns the gateway"`
	Approvals   Approvals        `key:"approvals" opt:"guard" doc:"where questions are shown"`
	Hooks       Hooks            `key:"hooks" opt:"guard" doc:"inbound webhooks"`
	Skills      Skills           `key:"skills" opt:"guard" doc:"which skills may load"`
	Security    Security         `key:"security" opt:"guard" doc:"the audit and its schedule"`
	Logging     Logging          `key:"logging" opt:"guard" doc:"logs and the journal"`
	Env         Env              `key:"env" doc:"variables for references, lowest precedence"`
	Plugins     Plugins          `key:"plugins" opt:"unbuilt" doc:"upstream's plugins; never loaded"`
	Browser     Browser          `key:"browser" opt:"unbuilt" doc:"browser automation"`
	MCP         MCP              `key:"mcp" opt:"unbuilt" doc:"Model Context Protocol servers"`
	Discovery   Discovery        `key:"discovery" opt:"unbuilt" doc:"announcing on the local network; always off here"`
	Cron        Cron             `key:"cron" opt:"unbuilt" doc:"scheduled jobs"`
	Notify      Notify           `key:"notify" doc:"alerts out"`
	Monitor     Monitor          `key:"monitor" doc:"counters and thresholds"`
	Diagnostics Diagnostics      `key:"diagnostics" doc:"metrics out"`
	Backup      Backup           `key:"backup" doc:"encrypted backups"`
	_           struct{}         `upstream:"meta wizard cli update ui nodeHost broadcast audio media web canvasHost talk memory acp tts audit transcripts proxy surfaces tui bridge defaultModel image commitments crestodian"`

	root       *json5.Node
	secrets    map[*json5.Node]bool
	references []Reference
}

// Gateway is the server.
type Gateway struct {
	Origin
	Mode           Value[GatewayMode] `key:"mode" enum:"local,remote" def:"local" doc:"the server starts only as local"`
	Port           Value[int]         `key:"port" min:"1" max:"65535" def:"8765" doc:"TCP port"`
	Bind           Value[Bind]        `key:"bind" enum:"loopback,auto,lan,tailnet,custom" also:"0.0.0.0=lan,::=lan,127.0.0.1=loopback,localhost=loopback,::1=loopback" def:"loopback" doc:"which addresses it listens on"`
	CustomBindHost Value[string]      `key:"customBindHost" doc:"the one IPv4 address of bind custom, for example a WireGuard interface"`
	Auth           GatewayAuth        `key:"auth" doc:"who may call"`
	Tailscale      Tailscale          `key:"tailscale" doc:"publishing through Tailscale"`
	ControlUI      ControlUI          `key:"controlUi" doc:"the web pages"`
	Remote         Remote             `key:"remote" doc:"the gateway that a client talks to"`
	TrustedProxies List               `key:"trustedProxies" doc:"addresses whose forwarded headers count"`
	AllowRealIP    Value[bool]        `key:"allowRealIpFallback" def:"false" doc:"X-Real-IP counts when X-Forwarded-For is missing"`
	TLS            GatewayTLS         `key:"tls" doc:"own certificate"`
	HTTP           GatewayHTTP        `key:"http" doc:"HTTP endpoints besides the WebSocket"`
	Tools          GatewayTools       `key:"tools" doc:"what /tools/invoke may run"`
	Nodes          Raw                `key:"nodes" opt:"unbuilt" doc:"companion devices"`
	Reload         Reload             `key:"reload" doc:"what a changed file does"`
	Terminal       Terminal           `key:"terminal" opt:"unbuilt" doc:"host shell in the web pages; never offered here"`
	Egress         GatewayEgress      `key:"egress" doc:"the gateway's own way out; environment proxies are ignored"`
	_              struct{}           `upstream:"channelHealthCheckMinutes channelStaleEventThresholdMinutes channelMaxRestartsPerHour push webchat handshakeTimeoutMs"`
}

// GatewayMode is gateway.mode.
type GatewayMode string

// Bind is gateway.bind.
type Bind string

// Values of gateway.bind.
const (
	BindLoopback Bind = "loopback"
	BindAuto     Bind = "auto"
	BindLAN      Bind = "lan"
	BindTailnet  Bind = "tailnet"
	BindCustom   Bind = "custom"
)

// AuthMode is gateway.auth.mode.
type AuthMode string

// Values of gateway.auth.mode.
const (
	AuthNone         AuthMode = "none"
	AuthToken        AuthMode = "token"
	AuthPassword     AuthMode = "password"
	AuthTrustedProxy AuthMode = "trusted-proxy"
)

// GatewayAuth is gateway.auth.
type GatewayAuth struct {
	Origin
	Mode           Value[AuthMode]  `key:"mode" enum:"none,token,password,trusted-proxy" def:"token" doc:"how a caller proves itself"`
	Token          Value[SecretRef] `key:"token" doc:"at least 32 characters"`
	Password       Value[SecretRef] `key:"password" doc:"for mode password"`
	TrustedProxy   TrustedProxy     `key:"trustedProxy" doc:"identity from a reverse proxy"`
	AllowTailscale Value[bool]      `key:"allowTailscale" doc:"tailnet identity signs in to the web pages"`
	IdentityScopes Map[List]        `key:"identityScopes" doc:"scopes per proxy or tailnet identity"`
	RateLimit      RateLimit        `key:"rateLimit" doc:"limits failed attempts"`
}

// TrustedProxy is gateway.auth.trustedProxy.
type TrustedProxy struct {
	Origin
	UserHeader      Value[string] `key:"userHeader" doc:"header that names the user"`
	RequiredHeaders List          `key:"requiredHeaders" doc:"headers that must be there"`
	AllowUsers      List          `key:"allowUsers" doc:"users that may call; empty is all"`
	AllowLoopback   Value[bool]   `key:"allowLoopback" def:"false" doc:"the proxy may be on this machine"`
}

// RateLimit is gateway.auth.rateLimit.
type RateLimit struct {
	Origin
	MaxAttempts    Value[int]  `key:"maxAttempts" min:"1" def:"10" doc:"failures per window"`
	WindowMs       Value[int]  `key:"windowMs" min:"1" def:"60000" doc:"window"`
	LockoutMs      Value[int]  `key:"lockoutMs" min:"0" def:"300000" doc:"pause after too many failures"`
	ExemptLoopback Value[bool] `key:"exemptLoopback" def:"false" doc:"upstream's exemption; failures from this machine are limited here all the same"`
}

// Tailscale is gateway.tailscale.
type Tailscale struct {
	Origin
	Mode        Value[TailscaleMode] `key:"mode" enum:"off,serve,funnel" def:"off" doc:"serve stays in the tailnet, funnel is public"`
	ResetOnExit Value[bool]          `key:"resetOnExit" def:"false" doc:"undo serve when the gateway stops"`
	_           struct{}             `upstream:"serviceName"`
}

// TailscaleMode is gateway.tailscale.mode.
type TailscaleMode string

// ControlUI is gateway.controlUi.
type ControlUI struct {
	Origin
	Enabled                  Value[bool]   `key:"enabled" def:"true" doc:"serve the web pages"`
	BasePath                 Value[string] `key:"basePath" doc:"path prefix"`
	AllowedOrigins           List          `key:"allowedOrigins" doc:"further origins that may connect"`
	AllowInsecureAuth        Value[bool]   `key:"allowInsecureAuth" def:"false" doc:"has no effect here"`
	DisableDeviceAuth        Value[bool]   `key:"dangerouslyDisableDeviceAuth" def:"false" doc:"has no effect here"`
	HostHeaderOriginFallback Value[bool]   `key:"dangerouslyAllowHostHeaderOriginFallback" def:"false" doc:"has no effect here"`
	_                        struct{}      `upstream:"root embedSandbox allowExternalEmbedUrls chatMessageMaxWidth"`
}

// Remote is gateway.remote.
type Remote struct {
	Origin
	Enabled        Value[bool]      `key:"enabled" def:"true" doc:"use it"`
	URL            Value[string]    `key:"url" doc:"wss:// address"`
	Transport      Value[string]    `key:"transport" enum:"ssh,direct" def:"ssh" doc:"how it is reached"`
	Token          Value[SecretRef] `key:"token" doc:"its token"`
	Password       Value[SecretRef] `key:"password" doc:"its password"`
	TLSFingerprint Value[string]    `key:"tlsFingerprint" doc:"pinned certificate"`
	RemotePort     Value[int]       `key:"remotePort" min:"1" max:"65535" doc:"port behind ssh"`
	_              struct{}         `upstream:"sshTarget sshIdentity"`
}

// GatewayTLS is gateway.tls.
type GatewayTLS struct {
	Origin
	Enabled      Value[bool]   `key:"enabled" def:"false" doc:"serve TLS"`
	AutoGenerate Value[bool]   `key:"autoGenerate" def:"false" doc:"make a self-signed certificate"`
	CertPath     Value[string] `key:"certPath" doc:"certificate file"`
	KeyPath      Value[string] `key:"keyPath" doc:"key file"`
	CAPath       Value[string] `key:"caPath" doc:"client certificates must come from here"`
}

// GatewayHTTP is gateway.http.
type GatewayHTTP struct {
	Origin
	Enabled         Value[bool]   `key:"enabled" doc:"master switch: false closes every HTTP API whatever its own flag says"`
	Endpoints       HTTPEndpoints `key:"endpoints" doc:"single endpoints"`
	SecurityHeaders HTTPHeaders   `key:"securityHeaders" doc:"response headers"`
}

// HTTPHeaders is gateway.http.securityHeaders.
type HTTPHeaders struct {
	Origin
	StrictTransportSecurity Value[string] `key:"strictTransportSecurity" opt:"bool" doc:"Strict-Transport-Security"`
}

// HTTPEndpoints is gateway.http.endpoints.
type HTTPEndpoints struct {
	Origin
	ChatCompletions HTTPEndpoint `key:"chatCompletions" doc:"/v1/chat/completions"`
	Responses       HTTPEndpoint `key:"responses" doc:"/v1/responses"`
}

// HTTPEndpoint is one of gateway.http.endpoints.
type HTTPEndpoint struct {
	Origin
	Enabled      Value[bool] `key:"enabled" def:"false" doc:"open it"`
	MaxBodyBytes Value[Size] `key:"maxBodyBytes" doc:"largest request"`
	MaxURLParts  Value[int]  `key:"maxUrlParts" min:"0" doc:"most URLs per request"`
	Files        HTTPURLs    `key:"files" doc:"files by URL"`
	Images       HTTPURLs    `key:"images" doc:"images by URL"`
	_            struct{}    `upstream:"maxImageParts maxTotalImageBytes"`
}

// HTTPURLs is files or images of an endpoint.
type HTTPURLs struct {
	Origin
	AllowURL     Value[bool] `key:"allowUrl" def:"true" doc:"fetch URLs named in a request"`
	URLAllowlist List        `key:"urlAllowlist" doc:"hosts that may be fetched"`
	_            struct{}    `upstream:"allowedMimes maxBytes maxChars maxRedirects timeoutMs pdf"`
}

// GatewayTools is gateway.tools.
type GatewayTools struct {
	Origin
	Allow List `key:"allow" opt:"tool" doc:"tools taken off the default deny list"`
	Deny  List `key:"deny" opt:"tool" doc:"further tools refused"`
}

// Reload is gateway.reload.
type Reload struct {
	Origin
	Mode Value[string] `key:"mode" enum:"off,hybrid,hot,restart" def:"hybrid" doc:"what a changed file does"`
	_    struct{}      `upstream:"debounceMs deferralTimeoutMs"`
}

// Terminal is gateway.terminal.
type Terminal struct {
	Origin
	Enabled Value[bool] `key:"enabled" def:"false" doc:"host shell in the web pages"`
	_       struct{}    `open:"1"`
}

// GatewayEgress is gateway.egress.
type GatewayEgress struct {
	Origin
	Proxy  Value[string] `key:"proxy" doc:"HTTP proxy of the gateway's own clients"`
	CAFile Value[string] `key:"caFile" doc:"further certificate authorities"`
}

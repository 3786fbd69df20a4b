// Node-RED with nothing but its flow: no editor, no telemetry, no writing of its own.
module.exports = {
  flowFile: "flow.json",
  uiHost: "127.0.0.1",
  uiPort: Number(process.env.BENCH_UI_PORT),
  httpAdminRoot: false,
  httpNodeRoot: false,
  telemetry: { enabled: false, updateNotification: false },
  externalModules: { autoInstall: false, palette: { allowInstall: false } },
  credentialSecret: false,
  functionExternalModules: false,
  logging: { console: { level: "info", metrics: false, audit: false } },
};

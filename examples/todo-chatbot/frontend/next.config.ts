import type { NextConfig } from "next";

// Next's own inline scripts carry no nonce on a page that is rendered ahead of time.
const scripts = `'self' 'unsafe-inline'${process.env.NODE_ENV === "development" ? " 'unsafe-eval'" : ""}`;

const SECURITY_HEADERS = [
  {
    key: "Content-Security-Policy",
    value: `default-src 'self'; script-src ${scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'`,
  },
  { key: "X-Content-Type-Options", value: "nosniff" },
  { key: "Referrer-Policy", value: "no-referrer" },
  { key: "Permissions-Policy", value: "camera=(), geolocation=(), microphone=()" },
];

const config: NextConfig = {
  output: "standalone",
  // This folder, whatever lock files lie above it.
  outputFileTracingRoot: import.meta.dirname,
  turbopack: { root: import.meta.dirname },
  // There are no pictures to resize: leave the image library (30 MB) out of the server.
  images: { unoptimized: true },
  outputFileTracingExcludes: { "**": ["node_modules/sharp/**", "node_modules/@img/**"] },
  poweredByHeader: false,
  headers: async () => [
    { source: "/:path*", headers: SECURITY_HEADERS },
    // A proxy that kept the page longer would ask the next version for scripts that it does not have.
    { source: "/", headers: [{ key: "Cache-Control", value: "no-cache" }] },
  ],
};

export default config;

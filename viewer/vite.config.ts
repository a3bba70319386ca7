import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

const gateway = process.env['INTERVAL_GATEWAY'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [svelte()],
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    sourcemap: false,
    // The imaging code is one large chunk that only the case page loads; see README.md for its size.
    chunkSizeWarningLimit: 6000,
  },
  server: { host: '127.0.0.1', proxy: { '/api': gateway } },
});

import './styles/app.css';

import { mount } from 'svelte';

import App from './App.svelte';
import { location } from './routes.svelte';
import { session } from './session.svelte';
import { language } from './texts';

const target = document.getElementById('app');
if (!target) throw new Error('the page has no place for the application');
document.documentElement.lang = language;
location.start();
void session.restore();
mount(App, { target });

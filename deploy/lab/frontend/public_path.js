// Where the page's other scripts are. webpack must know before the first of them is asked for, so this is a module of its own.
import { PageConfig } from '@jupyterlab/coreutils';

__webpack_public_path__ = PageConfig.getOption('fullStaticUrl') + '/'; // eslint-disable-line
